import { setTimeout as delay } from 'node:timers/promises'
import {
  type AttachmentPartsFragment,
  CreateUploadTicketDocument,
  ReadAttachmentDocument,
  UploadAttachmentDocument,
} from '../generated/graphql.ts'
import type { Response as GraphqlResponse, TestClient } from './client.ts'
import type { TestServer } from './server.ts'

type Content = string | Uint8Array<ArrayBuffer>

/** Who sends, and where. */
export interface Sender {
  readonly server: Pick<TestServer, 'url'>
  readonly headers?: Readonly<Record<string, string>>
}

/** A multipart request (https://github.com/jaydenseric/graphql-multipart-request-spec) with one file. */
export function multipartOf(query: string, file: Blob, filename: string, variable = 'file'): FormData {
  const form = new FormData()
  form.set('operations', JSON.stringify({ query, variables: { [variable]: null } }))
  form.set('map', JSON.stringify({ 0: [`variables.${variable}`] }))
  form.set('0', file, filename)
  return form
}

/** What `uploadAttachment` answers. */
export async function tryUpload(
  { server, headers = {} }: Sender,
  filename: string,
  content: Content,
  type = 'application/octet-stream',
): Promise<GraphqlResponse<{ uploadAttachment: { attachment: AttachmentPartsFragment } }>> {
  const response = await fetch(server.url, {
    method: 'POST',
    headers: { 'x-graphql-yoga-csrf': '1', accept: 'application/graphql-response+json', ...headers },
    body: multipartOf(UploadAttachmentDocument.toString(), new Blob([content], { type }), filename),
  })
  const { data = null, errors = [] } = (await response.json()) as Partial<GraphqlResponse<never>>
  return { data, errors }
}

export async function upload(sender: Sender, filename: string, content: Content, type?: string) {
  const { data, errors } = await tryUpload(sender, filename, content, type)
  if (!data) throw new Error(`the upload failed: ${JSON.stringify(errors)}`)
  return data.uploadAttachment.attachment
}

/** The attachment once its text was read, or was found not to be readable. */
export async function readAttachment(client: TestClient, id: string): Promise<AttachmentPartsFragment> {
  for (let looks = 0; looks < 600; looks++) {
    const { node } = await client.request(ReadAttachmentDocument, { id })
    if (!node || !('readingStatus' in node)) throw new Error(`no attachment ${id}`)
    if (node.readingStatus !== 'PENDING') return node as AttachmentPartsFragment
    await delay(50)
  }
  throw new Error(`${id} is still being read`)
}

/** An address to which a file of so many bytes may be sent. */
export async function ticketFor(
  { server, client }: { readonly server: Pick<TestServer, 'url'>; readonly client: TestClient },
  filename: string,
  byteSize: number,
): Promise<URL> {
  const { createUploadTicket } = await client.request(CreateUploadTicketDocument, { input: { filename, byteSize } })
  return new URL(createUploadTicket.uploadUrl, server.url)
}
