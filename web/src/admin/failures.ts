// What a person is told of a failure to sign in: the web mail's texts, signIn.*.
import type { Failure } from "./api.ts";

export type SignInFailure = "missing" | "wrong" | "throttled" | "away" | "busy" | "appPassword";

export function signInFailure(error: Failure): SignInFailure {
	if (error.kind === "signedOut") return "wrong";
	if (error.kind === "forbidden") return "appPassword";
	if (error.kind === "offline") return "away";
	return /too many/.test(error.message) ? "throttled" : "busy";
}
