import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'

const shareAnswer = z.strictObject({
  album: z.strictObject({ id: z.string() }),
  link: z.strictObject({ id: z.string(), url: z.string(), expiresAt: z.string() }),
  items: z.array(
    z.strictObject({ id: z.string(), name: z.string(), state: z.string(), reason: z.string().optional() }),
  ),
  skipped: z.array(z.strictObject({ name: z.string(), reason: z.string(), message: z.string() })),
  ownerKey: z.string().optional(),
})
export type ShareAnswer = z.infer<typeof shareAnswer>

const linkAnswer = z.looseObject({
  state: z.enum(['preparing', 'ready', 'ended']),
  items: z.array(z.looseObject({ id: z.string(), state: z.string(), reason: z.string().optional() })),
})

/** A form of files and fields, as curl -F makes it. */
export function form(
  files: Record<string, Uint8Array<ArrayBuffer> | Buffer>,
  fields: Record<string, string> = {},
): FormData {
  const data = new FormData()
  for (const [name, value] of Object.entries(fields)) data.append(name, value)
  for (const [name, bytes] of Object.entries(files))
    data.append('files', new Blob([new Uint8Array(bytes)]), name)
  return data
}

export const bearer = (ownerKey: string | undefined) => ({ Authorization: `Bearer ${ownerKey ?? ''}` })

/** Shares `files` in one call; throws for any answer but 201. */
export async function postShare(
  url: string,
  files: Record<string, Buffer>,
  fields: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<ShareAnswer> {
  const res = await fetch(`${url}/api/v1/shares`, { method: 'POST', body: form(files, fields), headers })
  if (res.status !== 201) throw new Error(`${res.status}: ${await res.text()}`)
  return shareAnswer.parse(await res.json())
}

/** Waits until nothing of a link is being prepared any more. */
export async function untilReady(url: string, { link, ownerKey }: ShareAnswer, seconds = 180) {
  for (let tries = seconds * 5; tries > 0; tries--) {
    const res = await fetch(`${url}/api/v1/links/${link.id}`, { headers: bearer(ownerKey) })
    const answer = linkAnswer.parse(await res.json())
    if (answer.state !== 'preparing') return answer
    await sleep(200)
  }
  throw new Error('not ready in time')
}

/** The path of a link's page on whatever host serves it now. */
export const pathOf = ({ link }: ShareAnswer): string => new URL(link.url).pathname

/** Code and message of an error answer. */
export async function errorOf(res: Response): Promise<{ status: number; code: string; message: string }> {
  const { error } = z
    .object({ error: z.object({ code: z.string(), message: z.string() }) })
    .parse(await res.json())
  return { status: res.status, ...error }
}
