import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'

// What the project says of itself must lead somewhere after files have moved.

const pages = globSync(['*.md', 'docs/**/*.md']).filter((page) => page !== 'CHANGELOG.md')

it.each(pages)('every file that %s names is there', (page) => {
  const text = readFileSync(page, 'utf8')
  const named = [...text.matchAll(/`((?:src|workers|client|views|test|bench|docs|script)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  )
  const linked = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, path = '']) =>
    join(dirname(page), path),
  )
  // A folder of src may be named without it.
  const short = [...text.matchAll(/`((?:domain|http|media|adapters)\/[\w./-]+)`/g)].map(
    ([, path = '']) => `src/${path}`,
  )
  expect([...named, ...short, ...linked].filter((path) => !existsSync(path))).toEqual([])
})
