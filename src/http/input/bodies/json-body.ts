import express, { type RequestHandler } from 'express'
import { withoutStalling } from './slow-body.ts'

/** Parses a JSON body of bounded size; anything else leaves no body, which no schema takes. Throws Refused('too-slow'). */
export const jsonBody: RequestHandler = withoutStalling(express.json({ limit: '1mb' }))

/** Parses a flat form of bounded size, as `jsonBody` does. */
export const formOf = (limits: { limit: string; parameterLimit: number }): RequestHandler =>
  withoutStalling(express.urlencoded({ extended: false, ...limits }))
