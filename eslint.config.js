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

const restrict = (files, patterns) => ({
  files,
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [{ group: patterns, message: 'Not a layer this folder may import (CONTRIBUTING.md).' }] },
    ],
  },
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
  restrict(['src/domain/**'], layers.domain),
  // Pictures are decoded in child processes only (decoder.ts), which may crash and swell.
  restrict(
    ['src/media/**'],
    [...layers.media, 'sharp', './card.ts', './render-image.ts', './decode-heic.ts'],
  ),
  restrict(['src/media/{decoder,decode-heic,card,render-image}.ts'], layers.media),
  restrict(['src/http/**'], layers.http),
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
      '**/media/{decoder,decode-heic,card,render-image}.ts',
      '**/http/**',
      '**/adapters/**',
      '**/deps.ts',
      '**/main.ts',
    ],
  ),
)
