/** Refusals that somebody meets who speaks MCP: messages that are none, and what a revision of the protocol asks of them. */
import type { RefusalRow } from './refusal-row.ts'

export const refusalsOfMcp = {
  // Messages of MCP.
  'mcp.message': {
    status: 400,
    tells: 'caller',
    says: 'this is no message that JSON-RPC 2.0 and MCP know',
    remedy: 'send one request, notification or response as an object; detail names the part',
  },
  'mcp.batch': {
    status: 400,
    tells: 'caller',
    says: 'several messages in one array are not taken',
    remedy: 'send each message by itself; revisions of MCP from 2025-06-18 on have no batches',
  },
  'mcp.mismatch': {
    status: 400,
    tells: 'caller',
    says: 'headers and body of this message do not say the same',
    remedy: 'send MCP-Protocol-Version, Mcp-Method and Mcp-Name as the body has them; detail names the one that differs or is missing',
  },
  'mcp.version': {
    status: 400,
    tells: 'caller',
    says: 'this revision of MCP is not spoken here',
    remedy: 'speak one of those in supported',
  },
  'mcp.envelope': {
    status: 400,
    tells: 'caller',
    says: 'the _meta that this revision of MCP asks of every request is missing or malformed',
    remedy:
      'send io.modelcontextprotocol/protocolVersion and io.modelcontextprotocol/clientCapabilities in params._meta; detail names the one',
  },
  'mcp.capability': {
    status: 400,
    tells: 'caller',
    says: 'this takes a client that can do more than this one says it can',
    remedy: 'use a client that declares the capability in detail',
  },
  'mcp.session': {
    status: 404,
    tells: 'caller',
    says: 'there is no such MCP session of yours here',
    remedy: 'send initialize again, without Mcp-Session-Id',
  },
  'mcp.task': {
    status: 404,
    tells: 'caller',
    says: 'there is no such task of yours here',
    remedy: 'send the call again: if it is held still, or approved and not yet done, that attaches to the same hold',
  },
  'hold.over': {
    status: 409,
    tells: 'caller',
    says: 'what this task waited for is over',
    remedy: 'send the call again; if it must be approved, that asks a person anew',
  },
  'hold.answer-too-large': {
    status: 502,
    tells: 'caller',
    says: 'the answer is larger than is kept for a task',
    remedy: 'the action may have been done: look before you repeat it, and ask for less at a time',
  },
  'mcp.method': {
    status: 404,
    tells: 'caller',
    says: 'this method is not passed here',
    remedy: 'tools/call, resources/read, prompts/get and the lists of each are; see docs/reference/mcp-gateway.md',
  },
} as const satisfies Record<string, RefusalRow>
