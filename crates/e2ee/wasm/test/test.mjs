// Two devices in node: sessions, groups, storage, refusals. Run by `cargo xtask wasm`; the argument is the module's folder.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import test from "node:test";

const folder = process.env.KEYWARD_E2EE_MODULE ?? "nodejs";
const { Client } = createRequire(import.meta.url)(resolve(folder, "keyward_e2ee.js"));

const ALICE = "9d0652a3-dcc3-4d11-975f-74d61598733f";
const BOB = "796abedb-ca4e-4f18-8803-1fde5b921f9f";
const GROUP = "d1d1d1d1-7000-11eb-b32a-33b8a8a487a6";
const bytes = (text) => new TextEncoder().encode(text);
const text = (bytes) => new TextDecoder().decode(bytes);
const id = (uuid) => Uint8Array.from(Buffer.from(uuid.replaceAll("-", ""), "hex"));

function strangers() {
  return [new Client(ALICE, 1, 11), new Client(BOB, 1, 22)];
}

function acquainted() {
  const [alice, bob] = strangers();
  alice.processBundle(BOB, 1, bob.bundle(true));
  pass(alice, ALICE, bob, BOB, "hello");
  pass(bob, BOB, alice, ALICE, "hello yourself");
  return [alice, bob];
}

function pass(from, fromName, to, toName, said) {
  const sealed = from.encrypt(toName, 1, bytes(said));
  const opened = to.decrypt(fromName, 1, sealed.type, sealed.body);
  assert.equal(text(opened.plaintext), said);
  return { sealed, opened };
}

test("a session begins, is answered and goes through several epochs", () => {
  const [alice, bob] = strangers();
  assert.deepEqual(alice.processBundle(BOB, 1, bob.bundle(true)), ["firstIdentity"]);
  const first = pass(alice, ALICE, bob, BOB, "hello");
  assert.equal(first.sealed.type, 3);
  assert.deepEqual(first.opened.notices.sort(), ["firstIdentity", "newSession"]);
  for (let turn = 0; turn < 150; turn++) {
    const { sealed } = pass(bob, BOB, alice, ALICE, `reply ${turn}`);
    assert.equal(sealed.type, 2);
    pass(alice, ALICE, bob, BOB, `turn ${turn}`);
  }
});

test("messages open in any order, once, and only unchanged", () => {
  const [alice, bob] = acquainted();
  const sealed = Array.from({ length: 9 }, (_, number) => alice.encrypt(BOB, 1, bytes(`${number}`)));
  for (const number of [8, 0, 4, 3, 7, 1, 2, 6, 5]) {
    const { type, body } = sealed[number];
    const changed = body.with(body.length - 1, body.at(-1) ^ 1);
    assert.throws(() => bob.decrypt(ALICE, 1, type, changed));
    assert.equal(text(bob.decrypt(ALICE, 1, type, body).plaintext), `${number}`);
    assert.throws(() => bob.decrypt(ALICE, 1, type, body));
  }
});

test("a device comes back from what was stored", () => {
  const [alice, bob] = acquainted();
  const storage = new Map();
  const store = (client) => {
    for (const [slot, bytes] of client.changes()) {
      if (bytes) storage.set(slot, bytes);
      else storage.delete(slot);
    }
  };
  bob.distribution(GROUP);
  store(bob);
  assert.ok(storage.has(`session/1/${ALICE}`) && !storage.has("preKey/1"), "the one-time key is gone");
  assert.deepEqual(bob.changes(), []);
  const again = new Client(BOB, 1, 22, bob.identityPrivateKey());
  for (const [slot, bytes] of storage) again.load(slot, bytes);
  assert.deepEqual(again.identityKey, bob.identityKey);
  pass(alice, ALICE, again, BOB, "still here?");
  pass(again, BOB, alice, ALICE, "yes");
  assert.throws(() => again.load("nonsense", bytes("")));
});

test("a group", () => {
  const [alice, bob] = acquainted();
  const key = alice.encrypt(BOB, 1, alice.distribution(GROUP));
  bob.learnSenderKey(ALICE, 1, bob.decrypt(ALICE, 1, key.type, key.body).plaintext);
  const sealed = alice.encryptForGroup(GROUP, bytes("to all"));
  assert.equal(text(bob.decryptFromGroup(ALICE, 1, sealed)), "to all");
  assert.throws(() => bob.decryptFromGroup(ALICE, 1, sealed));
  alice.rotateSenderKey(GROUP);
  assert.throws(() => bob.decryptFromGroup(ALICE, 1, alice.encryptForGroup(GROUP, bytes("not to bob"))));
});

test("another identity is refused until it is accepted", () => {
  const [alice, bob] = acquainted();
  const other = new Client(BOB, 1, 33);
  const bundle = other.bundle(false);
  assert.throws(() => alice.processBundle(BOB, 1, bundle), /identity key .* changed/);
  alice.acceptIdentity(BOB, other.identityKey);
  alice.processBundle(BOB, 1, bundle);
  pass(alice, ALICE, other, BOB, "who are you?");
  assert.notDeepEqual(bob.identityKey, other.identityKey);
});

test("a forged bundle is refused", () => {
  const [alice, bob] = strangers();
  const bundle = JSON.parse(bob.bundle(true));
  bundle.pqPreKey.signature = bundle.signedPreKey.signature;
  assert.throws(() => alice.processBundle(BOB, 1, JSON.stringify(bundle)));
});

test("both sides see the same safety number", () => {
  const [alice, bob] = strangers();
  const number = alice.safetyNumber(id(ALICE), id(BOB), bob.identityKey);
  assert.match(number, /^\d{60}$/);
  assert.equal(number, bob.safetyNumber(id(BOB), id(ALICE), alice.identityKey));
});

test("rates (informative)", () => {
  const [alice, bob] = acquainted();
  const begin = process.cpuUsage();
  let turns = 0;
  while (process.cpuUsage(begin).user < 1_000_000) {
    pass(alice, ALICE, bob, BOB, "x".repeat(256));
    pass(bob, BOB, alice, ALICE, "x".repeat(256));
    turns += 2;
  }
  console.log(`${turns} ping-pong messages of 256 bytes a CPU second`);
});
