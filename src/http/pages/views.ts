import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { Request, Response } from 'express'
import Handlebars from 'handlebars'
import { z } from 'zod'
import type { WebSettings } from '../context.ts'
import { languageNames, languageOf, type Language } from './language.ts'
import { isMessage, locales } from './locales.ts'
import type { PageModels } from './page-views.ts'

/** The pages, compiled once. */
export interface Views {
  /** Sends `page`, made of `model`, in the reader's language. */
  render<P extends keyof PageModels>(res: Response, status: number, page: P, model: PageModels[P]): void
  /** `page`, made of `model`, in the reader's language. */
  html<P extends keyof PageModels>(res: Response, page: P, model: PageModels[P]): string
  /** The address of a built file for the browser: `style.css`, `favicon.svg`. Throws if there is none. */
  asset(name: string): string
  languageOf(res: Response): Language
}

const manifestSchema = z.record(z.string(), z.string())
const hashSchema = z.object({ hash: z.record(z.string(), z.unknown()) })

/** Reads every template under `directory`: `pages/share.hbs` is `pages/share`. */
function readTemplates(directory: string): Map<string, string> {
  const templates = new Map<string, string>()
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.hbs')) continue
    const path = join(entry.parentPath, entry.name)
    const name = relative(directory, path).slice(0, -'.hbs'.length).split(sep).join('/')
    templates.set(name, readFileSync(path, 'utf8'))
  }
  return templates
}

/**
 * Compiles all templates. Throws when a template or the manifest of the browser's part cannot be read: a service
 * without its pages should not start.
 */
export function createViews(settings: WebSettings): Views {
  const manifest = manifestSchema.parse(
    JSON.parse(readFileSync(join(settings.clientDirectory, 'manifest.json'), 'utf8')),
  )
  const asset = (name: string): string => {
    const file = manifest[name]
    if (file === undefined) throw new Error(`the browser's part has no ${name}`)
    return `/assets/${file}`
  }
  const templates = readTemplates(settings.viewsDirectory)
  /** One environment a language, since helpers know theirs. */
  const compiled = new Map<string, (page: string, model: object, data: object) => string>()
  const compileFor = (language: Language) => {
    const found = compiled.get(language.code)
    if (found) return found
    const environment = Handlebars.create()
    environment.registerHelper('t', (key: string, options: unknown) => {
      if (!isMessage(key)) throw new Error(`a template asks for the message “${key}”, which is none`)
      return language.t(key, hashSchema.parse(options).hash)
    })
    environment.registerHelper('asset', asset)
    environment.registerHelper('same', (a: unknown, b: unknown) => a === b)
    environment.registerHelper('json', (value: unknown) => new Handlebars.SafeString(jsonForScript(value)))
    for (const [name, source] of templates) environment.registerPartial(name, source)
    const pages = new Map(
      [...templates]
        .filter(([name]) => name.startsWith('pages/'))
        .map(([name, source]) => [name.slice('pages/'.length), environment.compile(source)] as const),
    )
    const run = (page: string, model: object, data: object): string => {
      const template = pages.get(page)
      if (!template) throw new Error(`there is no page ${page}`)
      return template(model, { data })
    }
    compiled.set(language.code, run)
    return run
  }
  const shared = {
    languages: languageNames,
    style: asset('style.css'),
    icons: asset('icons.svg'),
  }
  const html: Views['html'] = (res, page, model) => {
    const language = languageOf(settings, res.req)
    const data = {
      ...shared,
      language: language.code,
      direction: language.direction,
      path: pageOf(res.req),
      client: { locale: language.locale, messages: clientMessages(language) },
    }
    return compileFor(language)(page, model, data)
  }
  return {
    asset,
    languageOf: (res) => languageOf(settings, res.req),
    html,
    render(res, status, page, model) {
      const text = html(res, page, model)
      // Failures have said already that nothing of them is kept.
      if (res.get('Cache-Control') === undefined) res.set('Cache-Control', 'private, no-cache')
      res.status(status).type('html').vary('Accept-Language, Cookie').send(text)
    },
  }
}

/** Where this page can be asked for again: a form's answer is at an address that only takes forms. */
function pageOf({ method, originalUrl }: Request): string {
  if (method === 'GET' || method === 'HEAD') return originalUrl
  return /^\/s\/[a-z0-9-]+/.exec(originalUrl)?.[0] ?? '/'
}

/** What the browser's part says by itself, in the reader's language. */
const clientMessages = ({ code }: Language): object => {
  const { client, count } = locales[code]
  return { ...client, ...count }
}

/** JSON that is safe inside a script element: nothing in it ends the element (HTML Standard, “script data”). */
const jsonForScript = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c')
