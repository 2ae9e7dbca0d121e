/** A key that signs URLs of private images, for tests and benchmarks. */
import { generateKeyPairSync } from "node:crypto";

/** Generates a key, as the deployment and the first `npm start` do. */
export function createMediaKey(id = "KTEST"): { id: string; privateKey: string; publicKey: string } {
  const keys = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  return { id, ...keys };
}
