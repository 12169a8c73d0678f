import type { Request } from 'express'
import type { WebContext } from '../context.ts'
import { baseUrl } from './caller.ts'
import type { KnownOwner } from '../../domain/owner/owner.ts'
import { unseal } from '../../domain/records/seal.ts'

export const isoDate = (at: number): string => new Date(at).toISOString()

/** The address of a secret. */
export const linkUrl = (context: WebContext, req: Request, secret: string): string =>
  `${baseUrl(context.settings, req)}/s/${secret}`

/** The address of a link for its owner to copy; null if it was sealed under a key that is lost. */
export function addressOfLink(
  context: WebContext,
  req: Request,
  owner: KnownOwner,
  sealedSecret: string,
): string | null {
  const secret = unseal(owner.key, sealedSecret)
  return secret === null ? null : linkUrl(context, req, secret)
}
