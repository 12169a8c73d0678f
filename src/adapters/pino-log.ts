import { pino, type DestinationStream } from 'pino'
import type { Log } from '../ports.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** What is told of an error; anything else that a library hung on it may hold what it was sent, as Redis' commands do. */
const told = ['type', 'message', 'stack', 'code', 'cause', 'aggregateErrors']

function errorFacts(error: unknown): unknown {
  return error instanceof Error ? toldOf(pino.stdSerializers.errWithCause(error)) : error
}

function toldOf(facts: unknown): unknown {
  if (Array.isArray(facts)) return facts.map(toldOf)
  if (typeof facts !== 'object' || facts === null) return facts
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) => (told.includes(name) ? [[name, toldOf(value)]] : [])),
  )
}

/** A log of JSON lines, one a message; an `err` or `error` among the facts is written with its stack and its causes. */
export function pinoLog(level: LogLevel, destination?: DestinationStream): Log {
  const options = {
    level,
    base: { pid: process.pid },
    serializers: { err: errorFacts, error: errorFacts },
  }
  const logger = destination ? pino(options, destination) : pino(options)
  return {
    debug: (facts, message) => logger.debug(facts, message),
    info: (facts, message) => logger.info(facts, message),
    warn: (facts, message) => logger.warn(facts, message),
    error: (facts, message) => logger.error(facts, message),
  }
}
