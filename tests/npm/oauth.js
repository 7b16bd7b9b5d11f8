// openid-client lets itself in: node oauth.js ISSUER REDIRECT-URI SCOPE. Prints where the browser is to be sent, reads from standard input where that was sent back to,
// and prints what it got, as JSON.
import { webcrypto } from "node:crypto";
import readline from "node:readline/promises";
import * as client from "openid-client";

globalThis.crypto ??= webcrypto; // Node 18 has it under that name alone

const [issuer, redirect, scope] = process.argv.slice(2);
const config = await client.dynamicClientRegistration(
  new URL(issuer),
  { redirect_uris: [redirect], client_name: "openid-client", token_endpoint_auth_method: "none" },
  client.None(),
  { algorithm: "oauth2" },
);
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: redirect, scope, state, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
});
console.log(url.href);
const lines = readline.createInterface({ input: process.stdin });
const back = new URL((await lines[Symbol.asyncIterator]().next()).value);
lines.close();
const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state });
const again = await client.refreshTokenGrant(config, tokens.refresh_token);
const who = await client.fetchProtectedResource(config, again.access_token, new URL("/session", issuer), "GET");
const account = (await who.json()).account;
await client.tokenRevocation(config, again.refresh_token);
let refused = "";
try {
  await client.refreshTokenGrant(config, again.refresh_token);
} catch (error) {
  refused = error.error;
}
console.log(JSON.stringify({ tokens, again, account, refused }));
