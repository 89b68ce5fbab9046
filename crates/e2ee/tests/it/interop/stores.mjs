// Stores of the official library in memory: sessions and sender keys as bytes, so that each call loads and stores.

export const hex = (bytes) => Buffer.from(bytes).toString("hex");
export const bytes = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const keyOf = (address) => `${address.name()}.${address.deviceId()}`;

/** A release of the official library, by its name in package.json. */
export const load = (release) => import(`official-${release}`);

const classes = new Map();

/** The stores' classes over one release. */
function classesOf(official) {
  if (!classes.has(official)) classes.set(official, makeClasses(official));
  return classes.get(official);
}

function makeClasses(official) {
  const { PublicKey } = official;

  class Sessions extends official.SessionStore {
    kept = new Map();
    async saveSession(address, record) {
      this.kept.set(keyOf(address), record.serialize());
    }
    async getSession(address) {
      const kept = this.kept.get(keyOf(address));
      return kept ? official.SessionRecord.deserialize(kept) : null;
    }
    async getExistingSessions(addresses) {
      return Promise.all(addresses.map((address) => this.getSession(address)));
    }
  }

  class Identities extends official.IdentityKeyStore {
    known = new Map();
    constructor(identity, registrationId) {
      super();
      this.identity = identity;
      this.registrationId = registrationId;
    }
    async getIdentityKey() {
      return this.identity;
    }
    async getLocalRegistrationId() {
      return this.registrationId;
    }
    async saveIdentity(address, key) {
      const before = this.known.get(keyOf(address));
      this.known.set(keyOf(address), hex(key.serialize()));
      const changed = before !== undefined && before !== hex(key.serialize());
      return Number(changed);
    }
    /** Trust on first use; a change has to be accepted. */
    async isTrustedIdentity(address, key) {
      const known = this.known.get(keyOf(address));
      return known === undefined || known === hex(key.serialize());
    }
    async getIdentity(address) {
      const known = this.known.get(keyOf(address));
      return known ? PublicKey.deserialize(bytes(known)) : null;
    }
  }

  class PreKeys extends official.PreKeyStore {
    kept = new Map();
    async savePreKey(id, record) {
      this.kept.set(id, record);
    }
    async getPreKey(id) {
      if (!this.kept.has(id)) throw new Error(`there is no one-time key ${id}`);
      return this.kept.get(id);
    }
    async removePreKey(id) {
      this.kept.delete(id);
    }
  }

  class SignedPreKeys extends official.SignedPreKeyStore {
    kept = new Map();
    async saveSignedPreKey(id, record) {
      this.kept.set(id, record);
    }
    async getSignedPreKey(id) {
      if (!this.kept.has(id)) throw new Error(`there is no signed key ${id}`);
      return this.kept.get(id);
    }
  }

  class KyberPreKeys extends official.KyberPreKeyStore {
    kept = new Map();
    async saveKyberPreKey(id, record) {
      this.kept.set(id, record);
    }
    async getKyberPreKey(id) {
      if (!this.kept.has(id)) throw new Error(`there is no post-quantum key ${id}`);
      return this.kept.get(id);
    }
    async markKyberPreKeyUsed() {}
  }

  class SenderKeys extends official.SenderKeyStore {
    kept = new Map();
    async saveSenderKey(sender, distributionId, record) {
      this.kept.set(`${keyOf(sender)}/${distributionId}`, record.serialize());
    }
    async getSenderKey(sender, distributionId) {
      const kept = this.kept.get(`${keyOf(sender)}/${distributionId}`);
      return kept ? official.SenderKeyRecord.deserialize(kept) : null;
    }
  }

  return { Sessions, Identities, PreKeys, SignedPreKeys, KyberPreKeys, SenderKeys };
}

/** Everything that one device keeps. */
export class MemoryStores {
  constructor(official, registrationId = 1 + Math.floor(Math.random() * 0x3ffe)) {
    const made = classesOf(official);
    this.identity = official.PrivateKey.generate();
    this.registrationId = registrationId;
    this.sessions = new made.Sessions();
    this.identities = new made.Identities(this.identity, registrationId);
    this.preKeys = new made.PreKeys();
    this.signedPreKeys = new made.SignedPreKeys();
    this.kyberPreKeys = new made.KyberPreKeys();
    this.senderKeys = new made.SenderKeys();
  }

  /** Forgets one's own key in a group. */
  dropSenderKey(address, distributionId) {
    this.senderKeys.kept.delete(`${keyOf(address)}/${distributionId}`);
  }
}
