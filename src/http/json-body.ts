import express from 'express'

/** Parses a JSON body of bounded size; anything else leaves no body, which no schema takes. */
export const jsonBody = express.json({ limit: '1mb' })
