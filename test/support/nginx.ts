import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.ts'

/** Whether nginx is on this machine. */
export function hasNginx(): boolean {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore', timeout: 5_000 })
    return true
  } catch {
    return false
  }
}

/** nginx with the given servers, `PORT` in their text being the port that it listens on; ready when it resolves. */
export async function startNginx(servers: string): Promise<AsyncDisposable & { readonly port: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-nginx-'))
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/${name};`,
  )
  const conf = `daemon off; master_process off; pid ${directory}/pid; error_log stderr warn;
events {}
http { access_log off; ${temporary.join(' ')}
${servers.replaceAll('PORT', String(port))}
}`
  await writeFile(join(directory, 'nginx.conf'), conf)
  const nginx = spawn('nginx', ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  nginx.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString()
  })
  await listening(port, nginx, () => said)
  return {
    port,
    async [Symbol.asyncDispose]() {
      const exit = once(nginx, 'exit')
      nginx.kill('SIGTERM')
      await exit
      await rm(directory, { recursive: true })
    },
  }
}

async function listening(port: number, nginx: ChildProcess, said: () => string): Promise<void> {
  for (;;) {
    if (nginx.exitCode !== null) throw new Error(`nginx ended with ${nginx.exitCode}: ${said()}`)
    const socket = connect(port, '127.0.0.1')
    const isOpen = await Promise.race([
      once(socket, 'connect').then(
        () => true,
        () => false,
      ),
      once(nginx, 'exit').then(() => false),
    ])
    socket.destroy()
    if (isOpen) return
    await sleep(20)
  }
}
