import { forget } from './lib/shared-links.ts'

// The page of a link that lets this browser in no more: the list of links must not keep its title and its secret.
const path = /^\/s\/[^/]+/.exec(location.pathname)?.[0]
if (path !== undefined) forget(path)
