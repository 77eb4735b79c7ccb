import { z } from 'zod'
import { atLeast } from './values.ts'

const roles = ['VIEWER', 'USER', 'ADMIN'] as const

/** What a token may be signed with; `none` and its like are not among them. */
const algorithms = ['HS256', 'HS384', 'HS512', 'RS256', 'ES256', 'EdDSA'] as const

const jwt = z.strictObject({
  secret: z.string().min(1).optional().meta({
    description:
      'What tokens are signed with: in mode `accounts` those of Parley, in mode `jwt` those of the other service. At least 32 bytes.',
    example: '',
    secret: true,
  }),
  jwksUrl: z
    .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
    .optional()
    .meta({
      description: 'Mode `jwt`: where the other service publishes its keys, in place of a secret.',
      example: 'https://login.example.com/.well-known/jwks.json',
    }),
  issuer: z.string().min(1).optional().meta({
    description:
      'Who tokens must come from (`iss`). Mode `accounts`: `parley` where it is left out. Mode `jwt`: it must be set; `*` takes tokens from anybody who has the key.',
    example: 'https://login.example.com',
  }),
  audience: z.string().min(1).optional().meta({
    description:
      'Whom tokens must be for (`aud`). Mode `accounts`: `parley` where it is left out. Mode `jwt`: it must be set; `*` takes those that are meant for other services too.',
    example: 'parley',
  }),
  algorithms: z
    .array(z.enum(algorithms))
    .min(1)
    .optional()
    .meta({
      description:
        'Mode `jwt`: what tokens may be signed with; with a secret HS256, with `jwksUrl` EdDSA, ES256 and RS256.',
      example: ['EdDSA'],
    }),
  roleClaim: z.string().min(1).default('role').meta({
    description:
      'Mode `jwt`: the claim that holds the role, or a list of roles: `viewer`, `user` or `admin`. Dots lead inside, as in `realm_access.roles`. Without one that is known, the role is USER.',
  }),
  productsClaim: z.string().min(1).default('allowed_products').meta({
    description:
      'Mode `jwt`: the claim that lists the products that the user may use. Without it, they are those that an ADMIN has set.',
  }),
  agentsClaim: z.string().min(1).default('allowed_agents').meta({
    description:
      'Mode `jwt`: the claim that lists the agents that the user may use. Without it, they are those that an ADMIN has set.',
  }),
  accessTokenMinutes: atLeast(1)
    .max(1440)
    .default(15)
    .meta({ description: 'Mode `accounts`: how long an access token is good.' }),
  refreshTokenMinutes: atLeast(1)
    .max(525_600)
    .default(10_080)
    .meta({ description: 'Mode `accounts`: how long a refresh token is good.' }),
})

const header = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, "expected a header's name: letters, digits and -")

const proxy = z.strictObject({
  userHeader: header.default('X-User-ID').meta({ description: 'The header that holds the id of the user.' }),
  roleHeader: header.default('X-User-Role').meta({ description: 'The header that holds the role of the user.' }),
  productsHeader: header.default('X-User-Products').meta({
    description: 'The header that lists the products that the user may use, with commas between them.',
  }),
  agentsHeader: header.default('X-User-Agents').meta({
    description: 'The header that lists the agents that the user may use, with commas between them.',
  }),
  roles: z.record(z.string().min(1), z.enum(roles)).default({ viewer: 'USER', editor: 'USER', admin: 'ADMIN' }).meta({
    description:
      "What the proxy's roles are here; matched without regard to case. No role header means USER; a role that is not here is nobody's.",
    expected: 'a mapping of names to VIEWER, USER or ADMIN',
  }),
  trustedAddresses: z
    .array(z.string().min(1))
    .default([])
    .meta({
      description:
        'The addresses of the proxy, or networks such as 10.0.0.0/8: from no other are the headers believed.',
      example: ['127.0.0.1', '10.1.0.0/16'],
    }),
  secretHeader: header
    .default('X-Proxy-Secret')
    .meta({ description: 'The header in which the proxy sends its secret.' }),
  secret: z
    .string()
    .regex(/^[\x21-\x7e]{16,}$/, 'expected at least 16 characters, without spaces')
    .optional()
    .meta({
      description: 'What the proxy must send in `secretHeader`, beside or instead of coming from a trusted address.',
      example: '',
      secret: true,
    }),
})

/** The section `auth`. What belongs to another mode than the one that is on is not looked at. */
export const authSchema = z.strictObject({
  mode: z.enum(['local', 'accounts', 'jwt', 'proxy']).default('local').meta({
    description:
      '`local`: whoever reaches the loopback address is the one local administrator. `accounts`: users with passwords. `jwt`: tokens of another service. `proxy`: a proxy in front says who it is.',
  }),
  jwt: jwt.prefault({}),
  proxy: proxy.prefault({}),
})
