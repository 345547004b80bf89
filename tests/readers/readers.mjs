// The digest of every column, as a reader of JavaScript reads it: `node readers.mjs READER EXPECTED`.
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'

const [name, expected] = process.argv.slice(2)
const require = createRequire(import.meta.url)
const DAY = 86_400_000

// Each gives the values of a file: by column, a list.
const READERS = {
  async hyparquet(path) {
    const { parquetReadObjects } = await import('hyparquet')
    const { asyncBufferFromFile } = await import('hyparquet/src/node.js')
    // A date of JavaScript has milliseconds only.
    const parsers = { timestampFromMicroseconds: micros => micros }
    return byColumn(await parquetReadObjects({ file: await asyncBufferFromFile(path), parsers }))
  },
  async 'parquet-wasm'(path) {
    const { readParquet } = require('parquet-wasm/node')
    const { tableFromIPC } = await import('apache-arrow')
    const table = tableFromIPC(readParquet(readFileSync(path)).intoIPCStream())
    return column => [...table.getChild(column)].map(value => value)
  },
  async '@dsnp/parquetjs'(path) {
    const reader = await require('@dsnp/parquetjs').ParquetReader.openFile(path)
    const cursor = reader.getCursor()
    const rows = []
    for (let row = await cursor.next(); row; row = await cursor.next()) rows.push(row)
    return byColumn(rows)
  },
}

const byColumn = rows => column => rows.map(row => row[column])

const CELLS = {
  text: value => value,
  integer: value => BigInt(value).toString(),
  boolean: value => (value ? '1' : '0'),
  number: value => {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(value)
    return bytes.toString('hex')
  },
  date: value => String(Math.round(Number(value) / DAY)),
  time: value => (typeof value === 'bigint' ? value : Math.round(Number(value) * 1000)).toString(),
}

const files = {}
for (const [path, columns] of Object.entries(JSON.parse(readFileSync(expected)))) {
  const values = await READERS[name](path)
  files[path] = {}
  for (const [column, [kind]] of Object.entries(columns)) {
    const hash = createHash('sha256')
    for (const value of values(column)) hash.update(`${value === null || value === undefined ? '\\N' : CELLS[kind](value)}\n`)
    files[path][column] = hash.digest('hex')
  }
}
const { version } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url)))
console.log(JSON.stringify({ version, files }))
