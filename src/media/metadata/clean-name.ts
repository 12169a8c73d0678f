import type { Facts, MetadataPolicy } from '../types.ts'
export function cleanName(name: string, _facts: Facts | null, _policy: MetadataPolicy): string {
  return name
}
