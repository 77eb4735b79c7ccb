export interface UploadOptions {
  /** The address of GraphQL, such as `https://chat.example.com/graphql`. */
  readonly endpoint: string
  /** What signs the user in, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Of one request; progress is told after each. */
  readonly pieceBytes?: number
  /** Before a request that was lost is made again, in milliseconds; longer with each that is lost. */
  readonly retryMs?: number
  readonly onProgress?: (sentBytes: number) => void
  readonly signal?: AbortSignal | null
}

class UploadRefused extends Error {}

/** Sends a file, such as an `<input type="file">` has, in pieces; gives the attachment's id. Goes on where a connection was lost. */
export async function uploadFile(file: File, options: UploadOptions): Promise<string> {
  const { pieceBytes = 4_194_304, retryMs = 1_000, onProgress, signal = null } = options
  const address = await addressFor(file, options)
  for (let offset = 0, lost = 0; ; ) {
    try {
      const headers = { 'upload-offset': String(offset) }
      const body = file.slice(offset, offset + pieceBytes)
      const response = await fetch(address, { method: 'PUT', headers, body, signal })
      const { errors, attachmentId } = await response.json()
      if (errors && errors[0].extensions.code !== 'CONFLICT') throw new UploadRefused(errors[0].message)
      if (attachmentId) {
        onProgress?.(file.size)
        return attachmentId
      }
      // The server says how much it has: it may be another piece's turn.
      const progress = await fetch(address, { method: 'HEAD', signal })
      offset = Number(progress.headers.get('upload-offset'))
      onProgress?.(offset)
      lost = 0
    } catch (error) {
      lost += 1
      if (error instanceof UploadRefused || signal?.aborted || lost > 5) throw error
      await new Promise((resolve) => setTimeout(resolve, retryMs * lost))
    }
  }
}

async function addressFor(file: File, { endpoint, headers, signal = null }: UploadOptions): Promise<URL> {
  const query = `mutation ($filename: String!, $byteSize: Int!) {
    createUploadTicket(input: { filename: $filename, byteSize: $byteSize }) { uploadUrl }
  }`
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables: { filename: file.name, byteSize: file.size } }),
    signal,
  })
  const { data, errors } = await response.json()
  if (!data) throw new UploadRefused(errors[0].message)
  return new URL(data.createUploadTicket.uploadUrl, endpoint)
}
