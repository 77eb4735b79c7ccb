import { addAbortSignal, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { type BlobStore, BlobStoreError, type ByteRange, checkKey, type NewBlob } from './blob-store.ts'
import { LengthCheck } from './length-check.ts'

export interface S3Options {
  readonly bucket: string
  readonly region: string
  /** Left out: that of AWS in the region. */
  readonly endpoint?: string | undefined
  /** Left out, with the secret: those that the SDK finds, such as the role of the machine. */
  readonly accessKeyId?: string | undefined
  readonly secretAccessKey?: string | undefined
  /** The bucket in the path, and not in the host's name: what stores beside AWS mostly want. */
  readonly forcePathStyle: boolean
}

/** What the SDK would write to the console it throws too. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }
const connectTimeoutMs = 10_000
/** How long a connection may be silent. */
const silenceTimeoutMs = 60_000

/** Blobs as objects of a bucket, which exists already. */
export class S3BlobStore implements BlobStore {
  readonly description: string
  readonly #bucket: string
  readonly #client: S3Client

  constructor({ bucket, region, endpoint, accessKeyId, secretAccessKey, forcePathStyle }: S3Options) {
    this.description = `the bucket ${bucket} of ${endpoint ?? `S3 in ${region}`}`
    this.#bucket = bucket
    this.#client = new S3Client({
      region,
      forcePathStyle,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(accessKeyId && secretAccessKey ? { credentials: { accessKeyId, secretAccessKey } } : {}),
      requestHandler: {
        connectionTimeout: connectTimeoutMs,
        socketTimeout: silenceTimeoutMs,
        // By default there are 50: so many who read slowly would keep everybody waiting.
        httpAgent: { maxSockets: Number.POSITIVE_INFINITY },
        httpsAgent: { maxSockets: Number.POSITIVE_INFINITY },
      },
      logger: silent,
      // The checksums that the SDK adds by itself are unknown to many stores beside AWS.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    })
  }

  async put({ key, content, byteSize }: NewBlob, signal: AbortSignal): Promise<void> {
    const object = this.#objectOf(key)
    const body = new LengthCheck(byteSize)
    // The SDK does not notice that a body fails, and would wait for the rest of it.
    const failed = new AbortController()
    void pipeline(content, body, { signal }).catch((error) => failed.abort(error))
    try {
      const command = new PutObjectCommand({ ...object, Body: body, ContentLength: byteSize })
      await this.#client.send(command, { abortSignal: failed.signal })
    } catch (cause) {
      throw failure(failed.signal.reason ?? cause, signal)
    } finally {
      body.destroy()
    }
  }

  async open(key: string, range: ByteRange | null, signal: AbortSignal): Promise<Readable | null> {
    const bytes = range ? { Range: `bytes=${range.start}-${range.end}` } : {}
    const command = new GetObjectCommand({ ...this.#objectOf(key), ...bytes })
    return await this.#ask(signal, async () => {
      const { Body: body } = await this.#client.send(command, { abortSignal: signal })
      if (!(body instanceof Readable)) throw new Error('The answer has no body')
      return addAbortSignal(signal, body)
    })
  }

  async exists(key: string, signal: AbortSignal): Promise<boolean> {
    const command = new HeadObjectCommand(this.#objectOf(key))
    return (await this.#ask(signal, () => this.#client.send(command, { abortSignal: signal }))) !== null
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    const command = new DeleteObjectCommand(this.#objectOf(key))
    await this.#ask(signal, () => this.#client.send(command, { abortSignal: signal }))
  }

  [Symbol.dispose](): void {
    this.#client.destroy()
  }

  /** Null where there is no such object. */
  async #ask<Answer>(signal: AbortSignal, request: () => Promise<Answer>): Promise<Answer | null> {
    signal.throwIfAborted()
    try {
      return await request()
    } catch (cause) {
      if (isMissing(cause)) return null
      throw failure(cause, signal)
    }
  }

  #objectOf(key: string): { Bucket: string; Key: string } {
    checkKey(key)
    return { Bucket: this.#bucket, Key: key }
  }
}

/** A bucket that does not exist is answered with the same status. */
function isMissing(error: unknown): boolean {
  return error instanceof S3ServiceException && (error.name === 'NoSuchKey' || error.name === 'NotFound')
}

function failure(cause: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? signal.reason : new BlobStoreError('The S3 store of files failed', { cause })
}
