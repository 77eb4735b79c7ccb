import type { CodegenConfig } from '@graphql-codegen/cli'

/** The client types that the tests use, made from the committed schema as any client would make them. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'test/operations/*.graphql',
  importExtension: '.ts',
  generates: {
    'test/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        enumType: 'string-literal',
        useTypeImports: true,
        scalars: { DateTime: 'string', JSON: 'unknown', ID: 'string', File: 'File' },
      },
    },
  },
}

export default config
