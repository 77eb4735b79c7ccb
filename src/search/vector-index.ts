import { Prisma } from '../database/generated/client.ts'
import type { Vector } from './embedder.ts'
import type { Hit, Scope } from './scope.ts'

/** Finds the passages whose vectors are nearest to one. The vectors are rows; an index is what makes it fast. */
export interface VectorIndex {
  /** `pgvector`: by a graph of near ones. `signs`: by comparing the sign of every number, then exactly. */
  readonly kind: 'pgvector' | 'signs'
  /** To be called before the first vector of a model is stored; again, it does nothing. */
  prepare(model: string, dimensions: number): Promise<void>
  /** The nearest in scope, nearest first, with the cosine similarity as the score. */
  nearest(scope: Scope, query: VectorQuery): Promise<readonly Hit[]>
}

export interface VectorQuery {
  /** The name of the embedder that made the vector: only its own are compared with it. */
  readonly model: string
  readonly vector: Vector
  readonly minSimilarity: number
  readonly limit: number
}

/** A vector as PostgreSQL reads an array. */
export function arrayLiteral(vector: Vector): string {
  return `{${vector.join(',')}}`
}

/** The sign of each number, 1 where it is above 0, as PostgreSQL reads bits. */
export function signsOf(vector: Vector): string {
  return vector.map((value) => (value > 0 ? '1' : '0')).join('')
}

/** A number that stands in a statement itself, as the length of a type must. */
export function lengthSql(dimensions: number): Prisma.Sql {
  return Prisma.raw(String(Math.trunc(dimensions)))
}
