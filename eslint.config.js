import redos from 'eslint-plugin-redos'
import regexp from 'eslint-plugin-regexp'
import tseslint from 'typescript-eslint'

/** What each layer may not import: the table in CONTRIBUTING.md, folder by folder. */
const layers = {
  domain: [
    'express',
    '@aws-sdk/*',
    'ioredis',
    'bullmq',
    'archiver',
    'sharp',
    'exifr',
    'handlebars',
    '**/http/**',
    '**/adapters/**',
    '**/workers/**',
    '**/deps.ts',
    '**/main.ts',
  ],
  media: [
    'express',
    '@aws-sdk/*',
    'ioredis',
    'bullmq',
    'handlebars',
    '**/http/**',
    '**/adapters/**',
    '**/domain/**',
    '**/workers/**',
    '**/ports.ts',
    '**/config.ts',
    '**/deps.ts',
    '**/main.ts',
  ],
  http: [
    '@aws-sdk/*',
    'ioredis',
    'bullmq',
    'sharp',
    'exifr',
    '**/adapters/**',
    '**/workers/**',
    '**/deps.ts',
    '**/main.ts',
  ],
  adapters: [
    'express',
    'handlebars',
    'sharp',
    'exifr',
    '**/http/**',
    '**/domain/**',
    '**/media/**',
    '**/workers/**',
    '**/deps.ts',
    '**/main.ts',
  ],
}

/** Which rooms of its floor each room may import: CONTRIBUTING.md. A folder inside a room belongs to it. */
const rooms = {
  domain: {
    records: [],
    items: ['records'],
    gate: ['items', 'records'],
    owner: ['records'],
    removal: ['gate', 'items', 'records'],
    preparing: ['gate', 'items', 'records', 'removal'],
    albums: ['gate', 'items', 'preparing', 'records', 'removal'],
    uploads: ['albums', 'items', 'records'],
    links: ['albums', 'gate', 'items', 'owner', 'preparing', 'records', 'removal'],
    library: ['albums', 'items', 'records'],
    backup: ['albums', 'gate', 'items', 'preparing', 'records', 'removal'],
  },
  http: {
    input: [],
    pages: ['input'],
    operators: ['input'],
    delivery: ['input'],
    visitor: ['input', 'pages'],
    uploads: ['delivery', 'input'],
    owner: ['input', 'pages', 'uploads'],
    api: ['delivery', 'input', 'pages', 'uploads', 'visitor'],
  },
  media: {
    names: [],
    zip: [],
    map: ['place'],
    place: [],
    tools: [],
    formats: [],
    metadata: ['formats', 'tools'],
    rendering: ['formats', 'tools'],
    facts: ['formats', 'rendering', 'tools'],
  },
}

/** What a floor may import of media. */
const mediaFor = {
  domain: ['types', 'names', 'metadata/clean-name', 'metadata/words'],
  http: ['types', 'names', 'formats/media-type', 'map/map', 'zip'],
}

const restrict = (files, group, regex = []) => ({
  files,
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          { group, message: 'Not a layer that this folder may import (CONTRIBUTING.md).' },
          ...regex.map((one) => ({
            regex: one,
            message: 'Not a room that this one may import (CONTRIBUTING.md).',
          })),
        ],
      },
    ],
  },
})

/** `more`: patterns for the files of one floor that its rooms have besides. */
const restrictRooms = (floor, more = []) =>
  Object.entries(rooms[floor]).map(([room, others]) => {
    const closed = Object.keys(rooms[floor]).filter((other) => other !== room && !others.includes(other))
    return restrict(
      [`src/${floor}/${room}/**`],
      [...layers[floor], ...more],
      [
        ...(closed.length === 0 ? [] : [`^(\\.\\./)+(${closed.join('|')})/`]),
        ...(mediaFor[floor] ? [`/media/(?!(${mediaFor[floor].join('|')})[./])`] : []),
      ],
    )
  })

export default tseslint.config(
  { ignores: ['dist/**', 'data/**', 'node_modules/**', '.node/**', '.test/**'] },
  ...tseslint.configs.recommended,
  {
    files: ['src/**/*.ts', 'workers/**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeCheckedOnly],
    languageOptions: { parserOptions: { projectService: true } },
  },
  {
    rules: {
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  // No pattern takes more than linear time, whatever text it sees. Two rules, for each finds what the other does not: recheck
  // (redos) an ambiguous repetition, `regexp` what is composed with `new RegExp`.
  {
    files: ['src/**/*.ts', 'workers/**/*.ts', 'client/**/*.ts'],
    plugins: { redos, regexp },
    rules: {
      'redos/no-vulnerable': ['error', { timeout: 10_000 }],
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential' }],
    },
  },
  {
    files: ['script/**', 'bench/**', 'src/main.ts', 'src/commands/**'],
    rules: { 'no-console': 'off' },
  },
  ...restrictRooms('domain'),
  // What stands above the rooms may import all of them.
  restrict(['src/http/*.ts'], layers.http),
  ...restrictRooms('http'),
  // Pictures are decoded in child processes only (decoder.ts), which may crash and swell.
  ...restrictRooms('media', ['sharp', '**/card.ts', '**/render-image.ts', '**/decode-heic.ts']),
  restrict(['src/media/rendering/{decoder,decode-heic,card,render-image}.ts'], layers.media),
  restrict(['src/adapters/**'], layers.adapters),
  restrict(
    ['workers/**'],
    [
      'express',
      '@aws-sdk/*',
      'ioredis',
      'bullmq',
      'handlebars',
      'sharp',
      '**/media/rendering/{decoder,decode-heic,card,render-image}.ts',
      '**/http/**',
      '**/adapters/**',
      '**/deps.ts',
      '**/main.ts',
    ],
  ),
)
