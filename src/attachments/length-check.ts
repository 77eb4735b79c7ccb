import { Transform, type TransformCallback } from 'node:stream'

/** Passes bytes on as they are, and fails where there are more or fewer of them than was said. */
export class LengthCheck extends Transform {
  readonly #byteSize: number
  #seen = 0

  constructor(byteSize: number) {
    super()
    this.#byteSize = byteSize
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#seen += chunk.length
    if (this.#seen <= this.#byteSize) done(null, chunk)
    else done(new Error(`The content is longer than ${this.#byteSize} bytes`))
  }

  override _flush(done: TransformCallback): void {
    if (this.#seen === this.#byteSize) done()
    else done(new Error(`The content ended after ${this.#seen} of ${this.#byteSize} bytes`))
  }
}
