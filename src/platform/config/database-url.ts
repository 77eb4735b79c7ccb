/** libpq's modes, and `no-verify`, which `pg` has for `require`. libpq's `allow` has no counterpart in `pg`. */
export const sslModes = ['disable', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof sslModes)[number]

/** A user and a password that hold none of `/ ? # @` unescaped; the host may be empty, for a socket in `?host=`. */
export const databaseUrlPattern = /^postgres(ql)?:\/\/([^\s/?#@]*@)?[^\s/?#@]*(\/[^\s?#]*)?(\?[^\s#]*)?$/

export interface DatabaseParts {
  readonly host: string
  readonly port: number
  readonly name: string
  readonly user: string
  readonly password: string | undefined
}

/** The URL of a database that was configured part by part. A host that is a path is the directory of a socket. */
export function urlOfParts({ host, port, name, user, password }: DatabaseParts): string {
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`
  const credentials = `${encodeURIComponent(user)}${secret}@`
  const database = encodeURIComponent(name)
  if (host.startsWith('/')) {
    return `postgresql://${credentials}/${database}?${new URLSearchParams({ host, port: String(port) })}`
  }
  const address = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return `postgresql://${credentials}${address}:${port}/${database}`
}

/**
 * The URL with its TLS mode in the words of `pg`, which takes `sslmode` for stricter than libpq does unless
 * `uselibpqcompat` is set. `mode` wins over what the URL says.
 */
export function withSslMode(url: string, mode: SslMode | undefined): string {
  const [address = '', query = ''] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  const wanted = mode ?? parameters.get('sslmode')
  if (wanted === null || (mode === undefined && parameters.has('uselibpqcompat'))) return url
  parameters.delete('uselibpqcompat')
  switch (wanted) {
    case 'prefer':
    case 'require':
      parameters.set('sslmode', wanted)
      parameters.set('uselibpqcompat', 'true')
      break
    case 'verify-ca':
      // `pg` refuses this mode without a root certificate; the stricter mode takes the system's.
      if (parameters.has('sslrootcert')) parameters.set('uselibpqcompat', 'true')
      parameters.set('sslmode', parameters.has('sslrootcert') ? 'verify-ca' : 'verify-full')
      break
    default:
      parameters.set('sslmode', wanted)
  }
  return `${address}?${parameters}`
}
