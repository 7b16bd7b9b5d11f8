/* Errors are values: a function that may fail gives a Result, whose error says of which kind it is and what caused it. What is thrown is a mistake in the program. */
import type { SetError } from "./types.ts";

/** What a person, or what comes next, can do about it:
 *  - `offline`     the server can't be reached: wait, and it goes on by itself
 *  - `signedOut`   sign in again; nothing is lost by it
 *  - `busy`        the server asks to wait (429, 503, maxConcurrentRequests); it was tried again for a while
 *  - `refused`     the server said no to this very thing: `type` is JMAP's word for it
 *  - `tooLarge`    more than the server takes
 *  - `notFound`    it isn't there any more
 *  - `stale`       what was known is too old to be brought up to date: load anew
 *  - `aborted`     who asked has given it up
 *  - `wrong`       name or password is wrong
 *  - `broken`      an answer that can't be understood */
export type ErrorKind = "offline" | "signedOut" | "busy" | "refused" | "tooLarge" | "notFound" | "stale" | "aborted" | "wrong" | "broken";

export interface Failure {
	kind: ErrorKind;
	/** JMAP's type of the error ("overQuota", "invalidProperties", …), or the HTTP status as text; empty if there is none. */
	type: string;
	/** For who looks for the cause; not for the person who reads his mail. */
	message: string;
	properties?: string[];
	/** Milliseconds after which the server wants to be asked again. */
	retryAfter?: number;
	cause?: unknown;
}

export type Result<T> = { ok: true; value: T } | { ok: false; error: Failure };

export function good<T>(value: T): Result<T> {
	return { ok: true, value };
}

export function bad(kind: ErrorKind, type: string, message: string, more: Partial<Failure> = {}): { ok: false; error: Failure } {
	return { ok: false, error: { kind, type, message, ...more } };
}

/** Will it go by itself? Such errors roll nothing back: what was wanted waits. */
export function isPassing(error: Failure): boolean {
	return error.kind === "offline" || error.kind === "signedOut" || error.kind === "busy";
}

const kinds: Record<string, ErrorKind> = {
	notFound: "notFound", blobNotFound: "notFound", accountNotFound: "notFound", emailNotFound: "notFound",
	tooLarge: "tooLarge", requestTooLarge: "tooLarge",
	cannotCalculateChanges: "stale", anchorNotFound: "stale", stateMismatch: "stale",
	serverUnavailable: "busy", serverFail: "busy", serverPartialFail: "busy", rateLimit: "busy",
};

/** Of a method-level error (RFC 8620 §3.6.2) or a SetError (§5.3). */
export function failureOf(error: SetError): Failure {
	return { kind: kinds[error.type] ?? "refused", type: error.type, message: error.description ?? error.type, ...(error.properties ? { properties: error.properties } : {}), cause: error };
}
