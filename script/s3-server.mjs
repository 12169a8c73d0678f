#!/usr/bin/env node
/*
 * A real S3 server for the tests: Ceph's RADOS gateway from Debian's packages (ceph-mon, ceph-osd, radosgw), on
 * loopback alone, as root or not.
 *
 *   script/s3-server.mjs start DIR [PORT]   starts it, prints its settings as one line of JSON, leaves it running
 *   script/s3-server.mjs stop DIR           stops it: gateway, then storage, then monitor; the data stays
 *   script/s3-server.mjs run DIR [PORT]     the same as start, but lives until its standard input ends (so it never
 *                                           outlives who started it) or a signal comes, then removes DIR
 *
 * PORT absent or 0 means any free one. A DIR that holds an earlier cluster is started again with its objects; what a
 * broken start left there is wiped; a DIR that holds anything else is refused. Keys: S3_ACCESS_KEY_ID and
 * S3_SECRET_ACCESS_KEY, taken when the cluster is made.
 */
import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const startSeconds = 90
const stopSeconds = 15
/** In the order in which they may be stopped: each needs the next one until it is gone. */
const daemons = ['rgw', 'osd', 'mon']
const ours = new Set([
  'mayfly-s3.json',
  'ceph.conf',
  'keyring',
  'monmap',
  'mon',
  'osd',
  'rgw',
  'log',
  'run',
  'crash',
])

let stopping = false

/** @param {number} wanted 0 for any; a wanted port that is taken throws */
function freePort(wanted = 0) {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => done(port))
    })
  })
}

function configuration(directory, { fsid, monitorPort, port }) {
  return `[global]
fsid = ${fsid}
mon_host = [v2:127.0.0.1:${monitorPort}/0]
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_allow_insecure_global_id_reclaim = false
keyring = ${directory}/keyring
run_dir = ${directory}/run
admin_socket =
log_file = ${directory}/log/$name.log
mon_cluster_log_file = ${directory}/log/cluster.log
crash_dir = ${directory}/crash
mon_data = ${directory}/mon
osd_data = ${directory}/osd
osd_objectstore = bluestore
# A sparse file: it takes no room until objects fill it.
bluestore_block_size = ${20 * 1024 ** 3}
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
osd_memory_target = 939524096
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_crush_initial_weight = 1
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 1
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_data_avail_crit = 1
mon_data_avail_warn = 2
mon_osd_full_ratio = .97
mon_tick_interval = 1
# Quick answers matter more here than batching: these halve the time to the first request.
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
objecter_tick_interval = 1
[client.rgw.a]
rgw_data = ${directory}/rgw
rgw_frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw_thread_pool_size = 64
rgw_enable_usage_log = false
rgw_dns_name = localhost
`
}

const pidFile = (directory, name) => join(directory, 'run', `${name}.pid`)

/** The daemon's process id when it lives and is this directory's, not a stranger that got the same number. */
function livingPid(directory, name) {
  try {
    const pid = Number(readFileSync(pidFile(directory, name), 'utf8'))
    process.kill(pid, 0)
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${directory}/ceph.conf`) ? pid : null
  } catch {
    return null
  }
}

function spawnDaemon(directory, name, command, args) {
  if (stopping) throw new Error('asked to stop while starting')
  const log = openSync(join(directory, 'log', 'out'), 'a')
  // A group of its own: Ctrl-C in the terminal reaches whoever started us, who then stops these in order.
  const child = spawn(command, ['-c', join(directory, 'ceph.conf'), ...args, '-f'], {
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  child.on('error', (error) => {
    console.error(`s3-server: ${command} did not start: ${error.message}`)
  })
  if (child.pid === undefined)
    throw new Error(`${command} did not start: is it installed? See script/setup --tests`)
  writeFileSync(pidFile(directory, name), `${child.pid}\n`)
  child.unref()
}

/** Until the gateway answers a request; throws when a daemon ends or the time is over. */
async function untilReady(directory, port) {
  const deadline = Date.now() + startSeconds * 1000
  while (Date.now() < deadline) {
    if (stopping) throw new Error('asked to stop while starting')
    const gone = daemons.find((name) => livingPid(directory, name) === null)
    if (gone !== undefined) throw new Error(`${gone} ended while starting`)
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) })
      await answer.body?.cancel()
      if (answer.status < 500) return
    } catch {
      // Not listening yet: the loop's own deadline bounds this.
    }
    await sleep(100)
  }
  throw new Error(`no answer within ${startSeconds} seconds`)
}

async function makeCluster(directory, port) {
  for (const name of ['run', 'log', 'mon', 'osd', 'crash', 'rgw'])
    mkdirSync(join(directory, name), { recursive: true })
  const settings = {
    fsid: randomUUID(),
    monitorPort: await freePort(),
    port,
    accessKeyId: process.env.S3_ACCESS_KEY_ID || 'mayfly-test',
    secretAccessKey: process.env.S3_SECRET_ACCESS_KEY || 'mayfly-test-secret',
  }
  const conf = join(directory, 'ceph.conf')
  const keyring = join(directory, 'keyring')
  const monmap = join(directory, 'monmap')
  writeFileSync(conf, configuration(directory, settings))
  await run('ceph-authtool', [
    keyring,
    '--create-keyring',
    '--gen-key',
    '-n',
    'mon.',
    '--cap',
    'mon',
    'allow *',
  ])
  for (const name of ['client.admin', 'osd.0', 'client.rgw.a']) {
    const caps = ['mon', 'osd', 'mgr'].flatMap((service) => ['--cap', service, 'allow *'])
    await run('ceph-authtool', [keyring, '--gen-key', '-n', name, ...caps])
  }
  const address = `[v2:127.0.0.1:${settings.monitorPort}]`
  await run('monmaptool', ['--create', '--clobber', '--addv', 'a', address, '--fsid', settings.fsid, monmap])
  await run('ceph-mon', ['-c', conf, '-i', 'a', '--mkfs', '--monmap', monmap, '--keyring', keyring])
  spawnDaemon(directory, 'mon', 'ceph-mon', ['-i', 'a'])
  const osdId = randomUUID()
  await run('ceph', ['-c', conf, '--connect-timeout', '60', 'osd', 'new', osdId], { timeout: 70_000 })
  await run('ceph-osd', ['-c', conf, '-i', '0', '--mkfs', '--osd-uuid', osdId], { timeout: 60_000 })
  spawnDaemon(directory, 'osd', 'ceph-osd', ['-i', '0'])
  const user = ['--uid', 'mayfly', '--display-name', 'mayfly', '--access-key', settings.accessKeyId]
  const createUser = ['-c', conf, 'user', 'create', ...user, '--secret', settings.secretAccessKey]
  await run('radosgw-admin', createUser, { timeout: 60_000 })
  spawnDaemon(directory, 'rgw', 'radosgw', ['-n', 'client.rgw.a'])
  await untilReady(directory, port)
  // Written last: a directory without it is one whose making broke off.
  writeFileSync(join(directory, 'mayfly-s3.json'), JSON.stringify(settings))
  return settings
}

async function restartCluster(directory, port) {
  const settings = { ...JSON.parse(readFileSync(join(directory, 'mayfly-s3.json'), 'utf8')), port }
  writeFileSync(join(directory, 'ceph.conf'), configuration(directory, settings))
  spawnDaemon(directory, 'mon', 'ceph-mon', ['-i', 'a'])
  spawnDaemon(directory, 'osd', 'ceph-osd', ['-i', '0'])
  spawnDaemon(directory, 'rgw', 'radosgw', ['-n', 'client.rgw.a'])
  await untilReady(directory, port)
  writeFileSync(join(directory, 'mayfly-s3.json'), JSON.stringify(settings))
  return settings
}

async function start(directory, wantedPort) {
  mkdirSync(directory, { recursive: true })
  const strangers = readdirSync(directory).filter((name) => !ours.has(name))
  if (strangers.length > 0)
    throw new Error(`${directory} holds other things (${strangers[0]}): give an own directory`)
  await stop(directory)
  const port = await freePort(wantedPort)
  const made = existsSync(join(directory, 'mayfly-s3.json'))
  if (!made) for (const name of ours) rmSync(join(directory, name), { recursive: true, force: true })
  try {
    const settings = made ? await restartCluster(directory, port) : await makeCluster(directory, port)
    const { accessKeyId, secretAccessKey } = settings
    const endpoint = `http://127.0.0.1:${port}`
    console.log(JSON.stringify({ endpoint, region: 'us-east-1', accessKeyId, secretAccessKey }))
  } catch (error) {
    const log = join(directory, 'log', 'out')
    if (!stopping && existsSync(log))
      console.error(readFileSync(log, 'utf8').split('\n').slice(-20).join('\n'))
    await stop(directory)
    throw error
  }
}

async function stop(directory) {
  for (const name of daemons) {
    const pid = livingPid(directory, name)
    if (pid === null) continue
    process.kill(pid, 'SIGTERM')
    const deadline = Date.now() + stopSeconds * 1000
    while (livingPid(directory, name) !== null && Date.now() < deadline) await sleep(50)
    if (livingPid(directory, name) !== null) process.kill(pid, 'SIGKILL')
    rmSync(pidFile(directory, name), { force: true })
  }
}

/** Resolves once whoever started us is gone or has had enough. */
function untilAskedToStop() {
  return new Promise((done) => {
    process.stdin.resume()
    for (const event of ['end', 'error', 'close']) process.stdin.once(event, done)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, done)
  })
}

async function runUntilAsked(directory, port) {
  const asked = untilAskedToStop().then(() => {
    stopping = true
  })
  const started = start(directory, port)
  try {
    await started
    await asked
  } catch (error) {
    if (!stopping) throw error
  } finally {
    await stop(directory)
    rmSync(directory, { recursive: true, force: true })
  }
}

const [command, target, port = '0'] = process.argv.slice(2)
const commands = { start, stop, run: runUntilAsked }
if (!Object.hasOwn(commands, command ?? '') || target === undefined || !/^\d{1,5}$/.test(port)) {
  console.error('usage: script/s3-server.mjs start|stop|run DIR [PORT]')
  process.exit(2)
}
try {
  await commands[command](resolve(target), Number(port))
  process.exit(0)
} catch (error) {
  console.error(`s3-server: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
