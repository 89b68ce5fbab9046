// A peer over the official library, as a black box: the same JSON lines as examples/peer.rs.
//
// One request per line on stdin, one answer per line on stdout. Run: node official.mjs RELEASE (0.103.0 or 0.72.1), in the
// folder where package.json is installed. Written from the library's published type declarations.

import { createInterface } from "node:readline";

import { MemoryStores, bytes, hex, load } from "./stores.mjs";

const release = process.argv[2];
const official = await load(release);
const { PublicKey, PrivateKey, ProtocolAddress } = official;
/** Since 0.91 the calls of a session take the local address too. */
const takesLocalAddress = release !== "0.72.1";
const hasPostQuantumKey = (profile) => profile !== "v3-x3dh";

const addressOf = ({ name, deviceId }) => ProtocolAddress.new(name, deviceId);

let peer;

function create({ profile, name, deviceId = 1, registrationId }) {
  const address = ProtocolAddress.new(name, deviceId);
  peer = Object.assign(new MemoryStores(official, registrationId), { profile, address, nextId: 1 });
  return { identityKey: hex(peer.identity.getPublicKey().serialize()), registrationId: peer.registrationId };
}

async function bundle({ oneTime = true }) {
  const now = Date.now();
  const answer = {
    registrationId: peer.registrationId,
    deviceId: peer.address.deviceId(),
    identityKey: hex(peer.identity.getPublicKey().serialize()),
  };
  if (oneTime) {
    const id = peer.nextId++;
    const key = PrivateKey.generate();
    await peer.preKeys.savePreKey(id, official.PreKeyRecord.new(id, key.getPublicKey(), key));
    answer.preKey = { id, publicKey: hex(key.getPublicKey().serialize()) };
  }
  const id = peer.nextId++;
  const signed = PrivateKey.generate();
  const publicKey = signed.getPublicKey();
  const signature = peer.identity.sign(publicKey.serialize());
  const record = official.SignedPreKeyRecord.new(id, now, publicKey, signed, signature);
  await peer.signedPreKeys.saveSignedPreKey(id, record);
  answer.signedPreKey = { id, publicKey: hex(publicKey.serialize()), signature: hex(signature) };
  if (hasPostQuantumKey(peer.profile)) answer.pqPreKey = await postQuantumPreKey(now);
  return { bundle: answer };
}

async function postQuantumPreKey(now) {
  const id = peer.nextId++;
  const keys = official.KEMKeyPair.generate();
  const publicKey = keys.getPublicKey().serialize();
  const signature = peer.identity.sign(publicKey);
  await peer.kyberPreKeys.saveKyberPreKey(id, official.KyberPreKeyRecord.new(id, now, keys, signature));
  return { id, publicKey: hex(publicKey), signature: hex(signature) };
}

async function processBundle({ remote, bundle }) {
  const { preKey, signedPreKey, pqPreKey } = bundle;
  const record = official.PreKeyBundle.new(
    bundle.registrationId,
    bundle.deviceId,
    preKey ? preKey.id : null,
    preKey ? PublicKey.deserialize(bytes(preKey.publicKey)) : null,
    signedPreKey.id,
    PublicKey.deserialize(bytes(signedPreKey.publicKey)),
    bytes(signedPreKey.signature),
    PublicKey.deserialize(bytes(bundle.identityKey)),
    pqPreKey ? pqPreKey.id : null,
    pqPreKey ? official.KEMPublicKey.deserialize(bytes(pqPreKey.publicKey)) : null,
    pqPreKey ? bytes(pqPreKey.signature) : null,
  );
  await official.processPreKeyBundle(record, ...ends(remote), peer.sessions, peer.identities);
  return {};
}

/** The remote address, and the local one for releases that take it. */
function ends(remote) {
  return takesLocalAddress ? [addressOf(remote), peer.address] : [addressOf(remote)];
}

async function encrypt({ remote, plaintext }) {
  const message = await official.signalEncrypt(bytes(plaintext), ...ends(remote), peer.sessions, peer.identities);
  return { type: message.type(), body: hex(message.serialize()) };
}

async function decrypt({ remote, type, body }) {
  const { sessions, identities, preKeys, signedPreKeys, kyberPreKeys } = peer;
  if (type === 3) {
    const message = official.PreKeySignalMessage.deserialize(bytes(body));
    const stores = [sessions, identities, preKeys, signedPreKeys, kyberPreKeys];
    return { plaintext: hex(await official.signalDecryptPreKey(message, ...ends(remote), ...stores)) };
  }
  const message = official.SignalMessage.deserialize(bytes(body));
  return { plaintext: hex(await official.signalDecrypt(message, ...ends(remote), sessions, identities)) };
}

async function archive({ remote }) {
  const address = addressOf(remote);
  const session = await peer.sessions.getSession(address);
  session.archiveCurrentState();
  await peer.sessions.saveSession(address, session);
  return {};
}

async function acceptIdentity({ remote, identityKey }) {
  await peer.identities.saveIdentity(addressOf(remote), PublicKey.deserialize(bytes(identityKey)));
  return {};
}

async function skdm({ distributionId }) {
  const create = official.SenderKeyDistributionMessage.create.bind(official.SenderKeyDistributionMessage);
  return { body: hex((await create(peer.address, distributionId, peer.senderKeys)).serialize()) };
}

async function processSkdm({ sender, body }) {
  const message = official.SenderKeyDistributionMessage.deserialize(bytes(body));
  await official.processSenderKeyDistributionMessage(addressOf(sender), message, peer.senderKeys);
  return {};
}

/** The library has no rotation of its own: the record is dropped and a new one made. */
async function rotateSenderKey({ distributionId }) {
  peer.dropSenderKey(peer.address, distributionId);
  return skdm({ distributionId });
}

async function groupEncrypt({ distributionId, plaintext }) {
  const message = await official.groupEncrypt(peer.address, distributionId, peer.senderKeys, bytes(plaintext));
  return { body: hex(message.serialize()) };
}

async function groupDecrypt({ sender, body }) {
  return { plaintext: hex(await official.groupDecrypt(addressOf(sender), peer.senderKeys, bytes(body))) };
}

function makeFingerprint({ version = 2, iterations = 5200, localId, remoteId, remoteKey }) {
  const remote = PublicKey.deserialize(bytes(remoteKey));
  const local = peer.identity.getPublicKey();
  return official.Fingerprint.new(iterations, version, bytes(localId), local, bytes(remoteId), remote);
}

function fingerprint(request) {
  const made = makeFingerprint(request);
  return {
    display: made.displayableFingerprint().toString(),
    scannable: hex(made.scannableFingerprint().toBuffer()),
  };
}

function compare(request) {
  const other = official.ScannableFingerprint._fromBuffer(bytes(request.other));
  return { matches: makeFingerprint(request).scannableFingerprint().compare(other) };
}

function sign({ message }) {
  return { signature: hex(peer.identity.sign(bytes(message))) };
}

function verify({ publicKey, message, signature }) {
  return { valid: PublicKey.deserialize(bytes(publicKey)).verify(bytes(message), bytes(signature)) };
}

function decryptionError({ type, body, timestamp, deviceId }) {
  const made = official.DecryptionErrorMessage.forOriginal(bytes(body), type, timestamp, deviceId);
  return { body: hex(made.serialize()) };
}

function readDecryptionError({ body }) {
  const read = official.DecryptionErrorMessage.deserialize(bytes(body));
  const key = read.ratchetKey();
  return {
    ratchetKey: key ? hex(key.serialize()) : null,
    timestamp: read.timestamp(),
    deviceId: read.deviceId(),
  };
}

/** What the recording script asks for: agreements of the bare keys. */
function agree({ privateKey, publicKey }) {
  return { secret: hex(PrivateKey.deserialize(bytes(privateKey)).agree(PublicKey.deserialize(bytes(publicKey)))) };
}

const commands = {
  create, bundle, processBundle, encrypt, decrypt, archive, acceptIdentity, skdm, processSkdm, rotateSenderKey,
  groupEncrypt, groupDecrypt, fingerprint, compare, sign, verify, decryptionError, readDecryptionError, agree,
};

async function answer(line) {
  const request = JSON.parse(line);
  const { id, cmd } = request;
  if (!Object.hasOwn(commands, cmd)) return { id, error: `there is no command ${cmd}` };
  try {
    return { id, ok: true, ...(await commands[cmd](request)) };
  } catch (error) {
    return { id, error: String(error?.message ?? error) };
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
