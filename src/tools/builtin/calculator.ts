import type { MathNode } from 'mathjs/number'
import { messageOf } from '../../platform/errors.ts'
import { failure } from '../tool.ts'
import type { BuiltinTool } from './builtin-tool.ts'

const maxLength = 1_000
/** Parentheses within each other. */
const maxNesting = 64

const operators: ReadonlySet<string> = new Set(
  'add subtract multiply divide mod pow unaryMinus unaryPlus factorial'.split(' '),
)
/** Each takes and gives numbers alone, in time and memory that do not grow with them. */
const functions: ReadonlySet<string> = new Set(
  'abs acos asin atan atan2 cbrt ceil cos cosh exp factorial floor gcd hypot lcm log log10 log2 max min mod nthRoot pow round sign sin sinh sqrt tan tanh'.split(
    ' ',
  ),
)
const constants: ReadonlySet<string> = new Set(['pi', 'e', 'tau', 'phi'])

/** Arithmetic with floating-point numbers, parsed and evaluated by mathjs. */
export const calculator: BuiltinTool = {
  name: 'calculator',
  title: 'Calculator',
  description: `Evaluates an arithmetic expression, such as (1 + 2.5) * sqrt(3)^2. It takes + - * / ^ % and !, parentheses, the constants ${[...constants].join(', ')} and the functions ${[...functions].join(', ')}. Angles are in radians; log is the natural logarithm, and log(x, b) the one to the base b.`,
  isReadOnly: true,
  inputSchema: {
    type: 'object',
    properties: {
      expression: {
        type: 'string',
        minLength: 1,
        maxLength,
        description: 'The expression; without variables, units and assignments.',
      },
    },
    required: ['expression'],
    additionalProperties: false,
  },
  async run({ arguments: { expression } }) {
    const text = String(expression)
    if (nestingOf(text) > maxNesting) return failure(`At most ${maxNesting} parentheses may be open within each other.`)
    // It takes a while to load, and most servers never need it.
    const { parse } = await import('mathjs/number')
    let value: unknown
    try {
      const parsed = parse(text)
      parsed.traverse(check)
      value = parsed.evaluate()
    } catch (error) {
      return failure(`The expression cannot be evaluated: ${messageOf(error).replaceAll(/\s+/g, ' ')}`)
    }
    if (typeof value !== 'number' || Number.isNaN(value)) return failure('The expression has no real number as result.')
    if (!Number.isFinite(value)) return failure('The result is infinite, or too large.')
    const rounded = withoutNoise(value)
    return { output: String(rounded), result: { expression: text, value: rounded }, isError: false }
  },
}

function nestingOf(text: string): number {
  let open = 0
  let deepest = 0
  for (const character of text) {
    if (character === '(') deepest = Math.max(deepest, ++open)
    else if (character === ')') open--
  }
  return deepest
}

/** Throws where a node is not on the lists above. */
function check(node: MathNode, path: string, parent: MathNode | null): void {
  switch (node.type) {
    case 'ParenthesisNode':
      return
    case 'ConstantNode':
      if ('value' in node && typeof node.value === 'number') return
      throw new Error(`${node.toString()} is no number.`)
    case 'OperatorNode':
      if ('fn' in node && typeof node.fn === 'string' && operators.has(node.fn)) return
      throw new Error(`the operator in ${node.toString()} is not supported.`)
    case 'FunctionNode':
      if ('fn' in node && functions.has(String(node.fn))) return
      throw new Error(`there is no such function in ${node.toString()}.`)
    case 'SymbolNode':
      if (path === 'fn' && parent?.type === 'FunctionNode') return
      if (constants.has(node.toString())) return
      throw new Error(`there is no constant ${node.toString()}.`)
    default:
      throw new Error(`${node.toString()} is no arithmetic.`)
  }
}

/** 0.1 + 0.2 is 0.3 to whoever asks; a double holds 15 decimal digits of anything. */
function withoutNoise(value: number): number {
  return Number.isSafeInteger(value) ? value : Number(value.toPrecision(15))
}
