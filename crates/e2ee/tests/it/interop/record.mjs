// Records known answers of the official library, as a black box: node record.mjs RELEASE > ../vectors/official-RELEASE.json,
// in a folder where package.json is installed. What our tests find in them is said in src/known_answers.rs.
//
// Everything is what the public API gives: keys, messages, and serialized records, which are opaque here.

import { MemoryStores, hex, load } from "./stores.mjs";

const release = process.argv[2];
const official = await load(release);
const { PrivateKey, ProtocolAddress } = official;
const takesLocalAddress = release !== "0.72.1";

const text = (words) => Uint8Array.from(Buffer.from(words));
const filled = (length, byte) => new Uint8Array(length).fill(byte);
const ALICE = ["9d0652a3-dcc3-4d11-975f-74d61598733f", 1];
const BOB = ["6838237d-02f6-4098-b110-698253d15961", 2];
const GROUP = "d1d1d1d1-7000-11eb-b32a-33b8a8a487a6";
const NOW = new Date(1_790_000_000_000);

function signatures() {
  return Array.from({ length: 8 }, (_, number) => {
    const key = PrivateKey.generate();
    const message = text("message ".repeat(number));
    return {
      privateKey: hex(key.serialize()),
      publicKey: hex(key.getPublicKey().serialize()),
      message: hex(message),
      signature: hex(key.sign(message)),
    };
  });
}

function agreements() {
  return Array.from({ length: 8 }, () => {
    const [own, other] = [PrivateKey.generate(), PrivateKey.generate()];
    return {
      privateKey: hex(own.serialize()),
      publicKey: hex(other.getPublicKey().serialize()),
      secret: hex(own.agree(other.getPublicKey())),
    };
  });
}

// What Bob left with the server, with its secrets.
async function preKeysOf(bob, { oneTime, postQuantum }) {
  const keys = {};
  const signed = PrivateKey.generate();
  const signature = bob.identity.sign(signed.getPublicKey().serialize());
  const record = official.SignedPreKeyRecord.new(22, NOW.getTime(), signed.getPublicKey(), signed, signature);
  await bob.signedPreKeys.saveSignedPreKey(22, record);
  keys.signedPreKey = { id: 22, privateKey: hex(signed.serialize()), signature: hex(signature) };
  if (oneTime) {
    const key = PrivateKey.generate();
    await bob.preKeys.savePreKey(11, official.PreKeyRecord.new(11, key.getPublicKey(), key));
    keys.preKey = { id: 11, privateKey: hex(key.serialize()) };
  }
  if (postQuantum) {
    const pair = official.KEMKeyPair.generate();
    const publicKey = pair.getPublicKey().serialize();
    const pqSignature = bob.identity.sign(publicKey);
    const pqRecord = official.KyberPreKeyRecord.new(33, NOW.getTime(), pair, pqSignature);
    await bob.kyberPreKeys.saveKyberPreKey(33, pqRecord);
    const secretKey = hex(pair.getSecretKey().serialize());
    keys.pqPreKey = { id: 33, secretKey, publicKey: hex(publicKey), signature: hex(pqSignature) };
  }
  return keys;
}

async function bundleOf(bob) {
  const signed = await bob.signedPreKeys.getSignedPreKey(22);
  const oneTime = bob.preKeys.kept.get(11);
  const pq = bob.kyberPreKeys.kept.get(33);
  return official.PreKeyBundle.new(
    bob.registrationId, BOB[1],
    oneTime ? 11 : null, oneTime ? oneTime.publicKey() : null,
    22, signed.publicKey(), signed.signature(), bob.identity.getPublicKey(),
    pq ? 33 : null, pq ? pq.publicKey() : null, pq ? pq.signature() : null,
  );
}

// Alice opens a session and writes three times; Bob opens the third and then the second, so that his record keeps the
// first one's key.
async function setUp(name, options) {
  const [alice, bob] = [new MemoryStores(official), new MemoryStores(official)];
  const keys = await preKeysOf(bob, options);
  const [atAlice, atBob] = [ProtocolAddress.new(...ALICE), ProtocolAddress.new(...BOB)];
  const ends = (remote, local) => (takesLocalAddress ? [remote, local] : [remote]);
  const toBob = ends(atBob, atAlice);
  await official.processPreKeyBundle(await bundleOf(bob), ...toBob, alice.sessions, alice.identities);
  const aliceRecord = hex((await alice.sessions.getSession(atBob)).serialize());
  const messages = [];
  for (const plaintext of ["first", "", "a third one, of more than one block"]) {
    const sealed = await official.signalEncrypt(text(plaintext), ...toBob, alice.sessions, alice.identities);
    messages.push({ type: sealed.type(), body: hex(sealed.serialize()), plaintext: hex(text(plaintext)) });
  }
  const stores = [bob.sessions, bob.identities, bob.preKeys, bob.signedPreKeys, bob.kyberPreKeys];
  for (const { body } of [messages[2], messages[1]]) {
    const message = official.PreKeySignalMessage.deserialize(Uint8Array.from(Buffer.from(body, "hex")));
    await official.signalDecryptPreKey(message, ...ends(atAlice, atBob), ...stores);
  }
  const bobRecord = hex((await bob.sessions.getSession(atAlice)).serialize());
  return {
    name,
    alice: { name: ALICE[0], deviceId: ALICE[1], identityKey: hex(alice.identity.getPublicKey().serialize()) },
    bob: {
      name: BOB[0], deviceId: BOB[1], registrationId: bob.registrationId,
      identityPrivateKey: hex(bob.identity.serialize()), ...keys,
    },
    aliceRecord, messages, bobRecord,
  };
}

async function setUps() {
  const cases = [["v4", { oneTime: true, postQuantum: true }], ["v4 without one-time key", { postQuantum: true }]];
  if (!takesLocalAddress) cases.push(["v3", { oneTime: true }], ["v3 without one-time key", {}]);
  return Promise.all(cases.map(([name, options]) => setUp(name, options)));
}

// Messages out of given parts: nothing random in them.
function sessionMessages() {
  const keys = [PrivateKey.generate(), PrivateKey.generate(), PrivateKey.generate()].map((key) => key.getPublicKey());
  const [ratchet, sender, receiver] = keys;
  return [[3, 0, 0, ""], [4, 1, 0, ""], [4, 300, 70_000, "0101010100"]].map(([version, counter, previous, pq]) => {
    const macKey = filled(32, version);
    const ciphertext = filled(16, counter % 256);
    const message = official.SignalMessage._new(
      version, macKey, ratchet, counter, previous, ciphertext, sender, receiver,
      ...(takesLocalAddress ? [Uint8Array.from(Buffer.from(pq, "hex"))] : []),
    );
    return {
      version, counter, previousCounter: previous, macKey: hex(macKey), ciphertext: hex(ciphertext),
      ratchetKey: hex(ratchet.serialize()), sender: hex(sender.serialize()), receiver: hex(receiver.serialize()),
      pqRatchet: takesLocalAddress ? pq : "", body: hex(message.serialize()),
    };
  });
}

async function senderKeys() {
  const [alice, bob] = [new MemoryStores(official), new MemoryStores(official)];
  const sender = ProtocolAddress.new(...ALICE);
  const made = await official.SenderKeyDistributionMessage.create(sender, GROUP, alice.senderKeys);
  const messages = [];
  for (const plaintext of ["first", "", "a third one, of more than one block"]) {
    const sealed = await official.groupEncrypt(sender, GROUP, alice.senderKeys, text(plaintext));
    messages.push({ body: hex(sealed.serialize()), plaintext: hex(text(plaintext)) });
  }
  const later = await official.SenderKeyDistributionMessage.create(sender, GROUP, alice.senderKeys);
  await official.processSenderKeyDistributionMessage(sender, made, bob.senderKeys);
  const third = Uint8Array.from(Buffer.from(messages[2].body, "hex"));
  await official.groupDecrypt(sender, bob.senderKeys, third);
  const record = await bob.senderKeys.getSenderKey(sender, GROUP);
  return {
    distributionId: GROUP, distribution: hex(made.serialize()), messages, later: hex(later.serialize()),
    receiverRecord: hex(record.serialize()),
  };
}

function fingerprints() {
  const cases = [
    [1, 5200, text("+14152222222"), text("+14153333333")],
    [2, 5200, filled(16, 0xaa), filled(16, 0xbb)],
    [2, 2, filled(16, 0xbb), filled(16, 0xaa)],
    [0, 1024, text(""), filled(100, 1)],
  ];
  return cases.map(([version, iterations, localId, remoteId]) => {
    const [local, remote] = [PrivateKey.generate().getPublicKey(), PrivateKey.generate().getPublicKey()];
    const made = official.Fingerprint.new(iterations, version, localId, local, remoteId, remote);
    return {
      version, iterations, localId: hex(localId), remoteId: hex(remoteId),
      localKey: hex(local.serialize()), remoteKey: hex(remote.serialize()),
      display: made.displayableFingerprint().toString(), scannable: hex(made.scannableFingerprint().toBuffer()),
    };
  });
}

function decryptionErrors(messages) {
  const cases = [[3, messages[0].body], [7, "33"]];
  return cases.map(([type, body]) => {
    const original = Uint8Array.from(Buffer.from(body, "hex"));
    const made = official.DecryptionErrorMessage.forOriginal(original, type, NOW.getTime(), 5);
    return {
      type, original: body, timestamp: NOW.getTime(), deviceId: 5, body: hex(made.serialize()),
      plaintextContent: hex(official.PlaintextContent.from(made).serialize()),
    };
  });
}

const sets = await setUps();
const recorded = {
  library: `@signalapp/libsignal-client ${release}, as a black box`,
  signatures: signatures(), agreements: agreements(), setUps: sets, sessionMessages: sessionMessages(),
  senderKeys: await senderKeys(), fingerprints: fingerprints(), decryptionErrors: decryptionErrors(sets[0].messages),
};
console.log(JSON.stringify(recorded, null, 1));
