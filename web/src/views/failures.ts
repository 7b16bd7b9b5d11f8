// What a person is told of a failure to sign in.
import type { Failure } from "../model/types.ts";

export type FailureKey = "missing" | "wrong" | "throttled" | "away" | "busy" | "appPassword" | "full";

export function failureKey(error: Failure): FailureKey {
	if (error.type === "429") return "throttled";
	if (error.type === "403") return "appPassword";
	if (error.type === "409") return "full";
	if (error.kind === "wrong") return "wrong";
	return error.kind === "offline" ? "away" : "busy";
}
