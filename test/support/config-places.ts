import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LoadedConfig, loadConfig } from '../../src/platform/config/load.ts'
import { ConfigError, type ConfigProblem } from '../../src/platform/config/problems.ts'
import type { Config } from '../../src/platform/config/schema.ts'

/** What each place of the configuration says. */
export interface Places {
  readonly argv?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly dotenv?: string
  readonly yaml?: string
}

const kinds = ['openai', 'openai-responses', 'anthropic', 'gemini', 'ollama', 'demo']

/** Loads configurations from an empty directory of its own. */
export class ConfigPlaces implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'parley-config-'))

  load({ argv = [], env = {}, dotenv, yaml }: Places): LoadedConfig<Record<never, never>> {
    for (const [name, content] of Object.entries({ '.env': dotenv, 'parley.yaml': yaml })) {
      if (content === undefined) rmSync(join(this.directory, name), { force: true })
      else writeFileSync(join(this.directory, name), content)
    }
    return loadConfig({ argv, env, cwd: this.directory, providerKinds: kinds })
  }

  configOf(places: Places): Config {
    return this.load(places).config
  }

  problemsOf(places: Places): readonly ConfigProblem[] {
    try {
      this.load(places)
    } catch (error) {
      if (error instanceof ConfigError) return error.problems
      throw error
    }
    return []
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true })
  }
}
