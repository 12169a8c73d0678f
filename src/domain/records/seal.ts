import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** Only the owner key opens what is sealed; a dump of the store does not. */
const sealingKey = (ownerKey: string): Buffer =>
  Buffer.from(hkdfSync('sha256', ownerKey, '', 'mayfly/seal/1', 32))

/** Seals `text` by AES-256-GCM (NIST SP 800-38D) under a key derived from `ownerKey`; answers base64url of nonce, tag, ciphertext. */
export function seal(ownerKey: string, text: string): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', sealingKey(ownerKey), nonce)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
}

/** Opens what `seal` made; null when `ownerKey` is not the one that sealed it, or the text was changed. */
export function unseal(ownerKey: string, sealed: string): string | null {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < 28) return null
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(ownerKey), bytes.subarray(0, 12))
  decipher.setAuthTag(bytes.subarray(12, 28))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
  } catch {
    // GCM's tag does not match. For the caller that is absence, not failure.
    return null
  }
}
