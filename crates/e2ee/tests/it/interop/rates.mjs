// How often a CPU second does what in the official library: JSON objects with the keys of examples/rates.rs.
//
// Run: node rates.mjs RELEASE, in the folder where package.json is installed. Each line of its input, `SECONDS NAME`, is answered with
// the rates of that name, measured for SECONDS of CPU time, and a name that it has not with none. As in ours, all that is kept is bytes between the calls: sessions, sender keys and pre-keys.

import { createInterface } from "node:readline";

import { MemoryStores, load } from "./stores.mjs";

const release = process.argv[2];
const official = await load(release);
const { PrivateKey, ProtocolAddress } = official;
/** Since 0.91 the calls of a session take the local address too. */
const takesLocalAddress = release !== "0.72.1";
/** What sessions are, by what the bundle holds; the later release sets up nothing without post-quantum keys. */
const labels = release === "0.72.1" ? ["v3", "v4"] : ["v4_spqr"];
const ALICE = "9d0652a3-dcc3-4d11-975f-74d61598733f";
const BOB = "796abedb-ca4e-4f18-8803-1fde5b921f9f";
const GROUP = "d1d1d1d1-7000-11eb-b32a-33b8a8a487a6";

/** How many messages between two looks at the clock. */
const MESSAGES = 50;

/** CPU time of the process so far, all of its threads. */
function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

class Stopwatch {
  done = 0;
  seconds = 0;

  constructor(wanted) {
    this.wanted = wanted;
  }

  goesOn() {
    return this.seconds < this.wanted;
  }

  async measure(count, work) {
    const before = cpuSeconds();
    await work();
    this.seconds += cpuSeconds() - before;
    this.done += count;
  }

  rate() {
    return Math.round(this.done / this.seconds);
  }
}

/** Records of one type, kept as bytes. */
class StoredRecords extends Map {
  constructor(type) {
    super();
    this.type = type;
  }

  set(id, record) {
    return super.set(id, record.serialize());
  }

  get(id) {
    return this.type.deserialize(super.get(id));
  }
}

class Party {
  constructor(name) {
    this.address = ProtocolAddress.new(name, 1);
    this.stores = new MemoryStores(official, 1);
    this.stores.preKeys.kept = new StoredRecords(official.PreKeyRecord);
    this.stores.signedPreKeys.kept = new StoredRecords(official.SignedPreKeyRecord);
    this.stores.kyberPreKeys.kept = new StoredRecords(official.KyberPreKeyRecord);
  }

  ends(remote) {
    return takesLocalAddress ? [remote.address, this.address] : [remote.address];
  }

  async bundle(label, hasOneTime) {
    const { identity, preKeys, signedPreKeys } = this.stores;
    const oneTime = PrivateKey.generate();
    await preKeys.savePreKey(1, official.PreKeyRecord.new(1, oneTime.getPublicKey(), oneTime));
    const signed = PrivateKey.generate();
    const signature = identity.sign(signed.getPublicKey().serialize());
    const record = official.SignedPreKeyRecord.new(1, 1, signed.getPublicKey(), signed, signature);
    await signedPreKeys.saveSignedPreKey(1, record);
    return official.PreKeyBundle.new(
      1,
      1,
      hasOneTime ? 1 : null,
      hasOneTime ? oneTime.getPublicKey() : null,
      1,
      signed.getPublicKey(),
      signature,
      identity.getPublicKey(),
      ...(label === "v3" ? [null, null, null] : await this.postQuantumPreKey()),
    );
  }

  async postQuantumPreKey() {
    const { identity, kyberPreKeys } = this.stores;
    const keys = official.KEMKeyPair.generate();
    const signature = identity.sign(keys.getPublicKey().serialize());
    await kyberPreKeys.saveKyberPreKey(1, official.KyberPreKeyRecord.new(1, 1, keys, signature));
    return [1, keys.getPublicKey(), signature];
  }

  async start(remote, bundle) {
    const { sessions, identities } = this.stores;
    await official.processPreKeyBundle(bundle, ...this.ends(remote), sessions, identities);
  }

  /** The message's bytes, as they would be sent. */
  async encrypt(remote, plaintext) {
    const { sessions, identities } = this.stores;
    const message = await official.signalEncrypt(plaintext, ...this.ends(remote), sessions, identities);
    return message.serialize();
  }

  async decrypt(remote, message) {
    const { sessions, identities } = this.stores;
    const parsed = official.SignalMessage.deserialize(message);
    return official.signalDecrypt(parsed, ...this.ends(remote), sessions, identities);
  }

  async decryptFirst(remote, message) {
    const { sessions, identities, preKeys, signedPreKeys, kyberPreKeys } = this.stores;
    const parsed = official.PreKeySignalMessage.deserialize(message);
    const stores = [sessions, identities, preKeys, signedPreKeys, kyberPreKeys];
    return official.signalDecryptPreKey(parsed, ...this.ends(remote), ...stores);
  }
}

async function meet({ alice, bob, bundle }) {
  await alice.start(bob, bundle);
  await bob.decryptFirst(alice, await alice.encrypt(bob, filled(32)));
}

async function strangers(label, hasOneTime) {
  const [alice, bob] = [new Party(ALICE), new Party(BOB)];
  return { alice, bob, bundle: await bob.bundle(label, hasOneTime) };
}

async function acquainted(label) {
  const pair = await strangers(label, true);
  await meet(pair);
  await pair.alice.decrypt(pair.bob, await pair.bob.encrypt(pair.alice, filled(5)));
  return pair;
}

const filled = (length) => Buffer.alloc(length, 7);

async function setUps(label, hasOneTime, wanted) {
  const watch = new Stopwatch(wanted);
  while (watch.goesOn()) {
    const pairs = [];
    for (let count = 0; count < 20; count++) pairs.push(await strangers(label, hasOneTime));
    await watch.measure(pairs.length, async () => {
      for (const pair of pairs) await meet(pair);
    });
  }
  return watch.rate();
}

async function preKeySets(label, wanted) {
  const party = new Party(ALICE);
  const watch = new Stopwatch(wanted);
  while (watch.goesOn()) {
    await watch.measure(16, async () => {
      for (let count = 0; count < 16; count++) await party.bundle(label, true);
    });
  }
  return watch.rate();
}

/** Messages one way: encrypting and decrypting apart. */
async function apart(encrypt, decrypt, wanted) {
  const [encrypting, decrypting] = [new Stopwatch(wanted), new Stopwatch(wanted)];
  while (encrypting.goesOn() || decrypting.goesOn()) {
    const sent = [];
    await encrypting.measure(MESSAGES, async () => {
      for (let count = 0; count < MESSAGES; count++) sent.push(await encrypt());
    });
    await decrypting.measure(MESSAGES, async () => {
      for (const message of sent) await decrypt(message);
    });
  }
  return [encrypting.rate(), decrypting.rate()];
}

async function oneWay(label, plaintext, wanted) {
  const { alice, bob } = await acquainted(label);
  return apart(() => alice.encrypt(bob, plaintext), (message) => bob.decrypt(alice, message), wanted);
}

async function pingPong(label, plaintext, wanted) {
  const { alice, bob } = await acquainted(label);
  const watch = new Stopwatch(wanted);
  while (watch.goesOn()) {
    await watch.measure(MESSAGES, async () => {
      for (let count = 0; count < MESSAGES / 2; count++) {
        await bob.decrypt(alice, await alice.encrypt(bob, plaintext));
        await alice.decrypt(bob, await bob.encrypt(alice, plaintext));
      }
    });
  }
  return watch.rate();
}

async function group(plaintext, wanted) {
  const [alice, bob] = [new Party(ALICE), new Party(BOB)];
  const [own, others] = [alice.stores.senderKeys, bob.stores.senderKeys];
  const { SenderKeyDistributionMessage } = official;
  const distribution = await SenderKeyDistributionMessage.create(alice.address, GROUP, own);
  await official.processSenderKeyDistributionMessage(alice.address, distribution, others);
  const encrypt = async () => (await official.groupEncrypt(alice.address, GROUP, own, plaintext)).serialize();
  return apart(encrypt, (message) => official.groupDecrypt(alice.address, others, message), wanted);
}

/** What is measured, by the name of the first rate that comes of it. */
const measurements = new Map();

for (const label of labels) {
  const single = (name, measure) =>
    measurements.set(`${label}_${name}`, async (wanted) => ({ [`${label}_${name}`]: await measure(wanted) }));
  single("setups", (wanted) => setUps(label, true, wanted));
  single("setups_no_one_time", (wanted) => setUps(label, false, wanted));
  single("prekey_sets", (wanted) => preKeySets(label, wanted));
  for (const size of [256, 4096]) {
    single(`pingpong_${size}`, (wanted) => pingPong(label, filled(size), wanted));
    pair(label, size, (wanted) => oneWay(label, filled(size), wanted));
  }
}
for (const size of [256, 4096]) pair("group", size, (wanted) => group(filled(size), wanted));

function pair(label, size, measure) {
  measurements.set(`${label}_encrypt_${size}`, async (wanted) => {
    const [encrypt, decrypt] = await measure(wanted);
    return { [`${label}_encrypt_${size}`]: encrypt, [`${label}_decrypt_${size}`]: decrypt };
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const [seconds, name] = line.split(" ");
  const measure = measurements.get(name);
  console.log(JSON.stringify(measure ? await measure(Number(seconds)) : {}));
}
