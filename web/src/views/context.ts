// What all views of somebody's mail are given, without handing it through.
import { getContext, setContext } from "svelte";
import type { Account, App } from "../model/types.ts";

const APP = Symbol("app"), ACCOUNT = Symbol("account");

export function setApp(app: App): void {
	setContext(APP, app);
}
export function useApp(): App {
	return getContext<App>(APP);
}
export function setAccount(account: Account): void {
	setContext(ACCOUNT, account);
}
export function useAccount(): Account {
	return getContext<Account>(ACCOUNT);
}
