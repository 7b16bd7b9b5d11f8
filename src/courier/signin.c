/* Signing in to a smarthost (RFC 4954) through GNU SASL: SCRAM-SHA-256, PLAIN or LOGIN, over TLS only. */
#include <gsasl.h>

#include "base/file.h"
#include "base/memory.h"
#include "config/config.h"
#include "courier/session.h"

enum {
	PASSWORD_MAX = 1024,
	SIGN_IN_STEPS_MAX = 10,
	SIGN_IN_LINE_MAX = 8192,
};

static const char *choose_mechanism(const struct courier_offers *offers)
{
	return offers->auth_scram ? "SCRAM-SHA-256" : offers->auth_plain ? "PLAIN" : offers->auth_login ? "LOGIN" : NULL;
}

static bool read_password(const char *path, struct buf *password, struct courier_trouble *trouble)
{
	struct error error = {0};
	if (!file_read(path, password, &error)) {
		courier_trouble_set(trouble, false, "4.3.5", "the smarthost's password can't be read: %s", error.text);
		return false;
	}
	while (password->len > 0 && (password->at[password->len - 1] == '\n' || password->at[password->len - 1] == '\r'))
		password->at[--password->len] = '\0';
	return true;
}

/* The peer's challenge in base64: what follows "334 ". The reply's text was cleaned, which harms no base64. */
static struct slice challenge_of(const struct courier_reply *reply)
{
	return slice_trim(slice_skip(reply_text(reply), 4));
}

static bool refused(const struct courier_session *session, struct courier_trouble *trouble)
{
	/* A wrong password is the administrator's to mend, not a reason to return people's mail. */
	courier_trouble_set(trouble, false, "4.7.8", "signing in to %s was refused: %s", session->peer.host, session->reply.text);
	return false;
}

/* What the client says may hold its password. */
static void free_output(char *output)
{
	if (output)
		memory_wipe(output, strlen(output));
	gsasl_free(output);
}

static bool exchange(struct courier_session *session, Gsasl_session *sasl, const char *mechanism, struct courier_trouble *trouble)
{
	int64_t timeout = config_current()->reply_timeout;
	char *output = NULL;
	/* PLAIN and SCRAM have the client speak first (initial response); LOGIN waits for the server. */
	bool first = !slice_equal(slice_of(mechanism), SLICE("LOGIN"));
	int result = first ? gsasl_step64(sasl, "", &output) : GSASL_NEEDS_MORE;
	if (result == GSASL_OK || result == GSASL_NEEDS_MORE)
		courier_session_printf(session, "AUTH %s%s%s\r\n", mechanism, output && *output ? " " : "", output ? output : "");
	free_output(output);
	for (int step = 0; step < SIGN_IN_STEPS_MAX && (result == GSASL_OK || result == GSASL_NEEDS_MORE); step++) {
		if (!courier_session_reply(session, timeout, trouble))
			return false;
		if (session->reply.code == 235 && result == GSASL_OK)
			return true;
		if (session->reply.code != 334)
			return refused(session, trouble);
		char challenge[REPLY_TEXT_MAX];
		snprintf(challenge, sizeof challenge, "%.*s", SLICE_ARG(challenge_of(&session->reply)));
		output = NULL;
		result = gsasl_step64(sasl, challenge, &output);
		if (result == GSASL_OK || result == GSASL_NEEDS_MORE)
			courier_session_printf(session, "%s\r\n", output ? output : "");
		free_output(output);
	}
	courier_trouble_set(trouble, false, "4.7.8", "signing in to %s with %s failed: %s", session->peer.host, mechanism, gsasl_strerror(result));
	session->broken = true;
	return false;
}

bool courier_session_sign_in(struct courier_session *session, const struct courier_session_policy *policy, struct courier_trouble *trouble)
{
	const char *mechanism = choose_mechanism(&session->offers);
	if (!*client_tls_text(session->client)) {
		courier_trouble_set(trouble, false, "4.7.11", "no TLS with %s, and the password is not sent in clear text", session->peer.host);
		return false;
	}
	if (!client_tls_is_verified(session->client) && !policy->unverified_password) {
		courier_trouble_set(trouble, false, "4.7.11", "the certificate of %s can't be verified, and the password is not sent to somebody unknown", session->peer.host);
		return false;
	}
	if (!mechanism) {
		courier_trouble_set(trouble, false, "4.7.4", "%s offers none of SCRAM-SHA-256, PLAIN and LOGIN", session->peer.host);
		return false;
	}
	struct buf password = BUF_SECRET(PASSWORD_MAX);
	Gsasl *context = NULL;
	Gsasl_session *sasl = NULL;
	bool done = read_password(policy->password_path, &password, trouble);
	if (done && (gsasl_init(&context) != GSASL_OK || gsasl_client_start(context, mechanism, &sasl) != GSASL_OK)) {
		courier_trouble_set(trouble, false, "4.3.5", "the SASL library can't start %s", mechanism);
		done = false;
	}
	if (done) {
		gsasl_property_set(sasl, GSASL_AUTHID, policy->user);
		gsasl_property_set_raw(sasl, GSASL_PASSWORD, password.at ? password.at : "", password.len);
		done = exchange(session, sasl, mechanism, trouble);
	}
	if (sasl)
		gsasl_finish(sasl);
	if (context)
		gsasl_done(context);
	buf_free(&password);
	return done;
}
