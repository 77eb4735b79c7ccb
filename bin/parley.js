#!/usr/bin/env node
// Plain JavaScript, in the syntax of Node 12.20: its whole point is to run where the rest does not.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The first Node that runs TypeScript as it is and knows `using`. */
const neededMajor = 24
const bundledNode = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))
const directory = fileURLToPath(new URL('..', import.meta.url))

if (Number(process.versions.node.split('.')[0]) >= neededMajor) {
  start()
} else if (existsSync(bundledNode) && process.execPath !== bundledNode) {
  restart()
} else {
  fail(
    `Parley needs Node.js ${neededMajor} or newer; this is ${process.version}. Install it from https://nodejs.org, or run \`npm ci\` in ${directory}, which brings one along.`,
  )
}

function start() {
  const emitWarning = process.emitWarning
  // That node:sqlite, which locks the data directory, is experimental is no news for those who start a server.
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'object' && rest[0] !== null ? rest[0].type : rest[0]
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest)
  }
  import('node:module')
    // A start spends half a second less on compiling. Not in the system's temporary directory, where others can write.
    .then(({ enableCompileCache }) => enableCompileCache(`${directory}node_modules/.cache/parley`))
    .then(() => import('../src/main.ts'))
    .catch((error) => {
      if (error.code === 'ERR_MODULE_NOT_FOUND') fail(`${error.message}\nRun \`npm ci\` in ${directory} first.`)
      else throw error
    })
}

/** Runs the same command with the Node that `npm ci` installed, and ends as it ends. */
function restart() {
  const child = spawn(bundledNode, process.execArgv.concat(process.argv.slice(1)), { stdio: 'inherit' })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  const forward = (signal) => child.kill(signal)
  for (const signal of signals) process.on(signal, forward)
  child.on('error', (error) => fail(`${bundledNode} cannot be run: ${error.message}`))
  child.on('exit', (code, signal) => {
    for (const handled of signals) process.removeListener(handled, forward)
    if (signal === null) process.exit(code)
    else process.kill(process.pid, signal)
  })
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
