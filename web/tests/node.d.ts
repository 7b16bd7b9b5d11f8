// Of Node's own modules, what the unit tests use. (Node's types would change those of the browser: setTimeout.)
declare module "node:test" {
	export function test(name: string, run: () => void | Promise<void>): void;
	export function beforeEach(run: () => void | Promise<void>): void;
	export function afterEach(run: () => void | Promise<void>): void;
}
declare module "node:assert/strict" {
	interface Assert {
		(value: unknown, message?: string): asserts value;
		ok(value: unknown, message?: string): asserts value;
		equal(actual: unknown, expected: unknown, message?: string): void;
		notEqual(actual: unknown, expected: unknown, message?: string): void;
		deepEqual(actual: unknown, expected: unknown, message?: string): void;
		notDeepEqual(actual: unknown, expected: unknown, message?: string): void;
		throws(run: () => unknown, expected?: RegExp | object, message?: string): void;
		rejects(run: (() => Promise<unknown>) | Promise<unknown>, expected?: RegExp | object, message?: string): Promise<void>;
		match(text: string, pattern: RegExp, message?: string): void;
		doesNotMatch(text: string, pattern: RegExp, message?: string): void;
		fail(message?: string): never;
	}
	const assert: Assert;
	export default assert;
}
declare module "node:fs" {
	export function readFileSync(path: string | URL, encoding: "utf8"): string;
	export function readdirSync(path: string | URL): string[];
}
declare module "node:crypto" {
	export function createHash(kind: string): { update(text: string): { digest(form: "hex"): string } };
}
