import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCipher, parseEncryptionKey } from '../src/platform/encryption.ts'

const key = Buffer.alloc(32, 1).toString('base64')
const other = Buffer.alloc(32, 2).toString('base64')

describe('a cipher', () => {
  const cipher = createCipher(key)

  it('gives back every text that it took, for the place that it was for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, place) => {
        expect(cipher.decrypt(cipher.encrypt(text, place), place)).toBe(text.toWellFormed())
      }),
    )
  })

  it('writes its version first, and never the same twice, nor anything of the text', () => {
    const texts = Array.from({ length: 100 }, () => cipher.encrypt('sk-correct-horse', 'a'))
    expect(new Set(texts).size).toBe(100)
    for (const text of texts) {
      expect(text).toMatch(/^v1\.[\w+/]+=*$/)
      expect(Buffer.from(text.slice(3), 'base64').toString('latin1')).not.toContain('horse')
    }
  })

  it('refuses what was for another place, what another key made, and what was changed anywhere', () => {
    const text = cipher.encrypt('secret', 'a')
    expect(() => cipher.decrypt(text, 'b')).toThrow()
    expect(() => createCipher(other).decrypt(text, 'a')).toThrow()
    const bytes = Buffer.from(text.slice(3), 'base64')
    for (const [index, byte] of bytes.entries()) {
      const changed = Buffer.from(bytes)
      changed[index] = byte ^ 1
      expect(() => cipher.decrypt(`v1.${changed.toString('base64')}`, 'a')).toThrow()
    }
    for (let length = 0; length < bytes.length; length++)
      expect(() => cipher.decrypt(`v1.${bytes.subarray(0, length).toString('base64')}`, 'a')).toThrow()
    for (const wrong of ['', 'v1', text.slice(3), text.replace('v1', 'v2')])
      expect(() => cipher.decrypt(wrong, 'a')).toThrow()
  })
})

it('one key is read alike in base64, with the letters for URLs, without its padding, and in hex', () => {
  const bytes = Buffer.from('fb'.repeat(32), 'hex')
  const forms = [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')]
  for (const form of forms) expect(parseEncryptionKey(form)).toEqual(bytes)
  for (const wrong of ['', 'x', bytes.subarray(1).toString('hex'), `${forms[0]}A`, ` ${forms[0]}`])
    expect(parseEncryptionKey(wrong)).toBeNull()
})
