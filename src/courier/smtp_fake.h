/* For tests: a mail server on loopback, in threads of its own, that answers by rules and keeps what it heard. */
#ifndef COURIER_SMTP_FAKE_H
#define COURIER_SMTP_FAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct smtp_fake;

/** For a line that begins with `when` (any case), this reply. The first rule that has uses left counts. Lines that have no
 * rule get what a friendly server says. Pseudo-lines: "(connect)" for the greeting, "(data)" after the final dot. */
struct smtp_fake_rule {
	const char *when;
	const char *reply; /* without the final CRLF; "(close)" closes, "(silence)" says nothing, "(last)250 text" closes after it */
	int times;         /* 0: always */
};

struct smtp_fake_options {
	const char *address;    /* "127.0.0.1" if NULL */
	int port;               /* 0: any */
	const char *extensions; /* of EHLO, separated by '\n' */
	const struct smtp_fake_rule *rules;
	size_t rule_count;
	const char *certificate; /* PEM file with key: STARTTLS works */
	bool implicit_tls;
	const char *scram_password; /* AUTH SCRAM-SHA-256 is taken with this password */
};

struct smtp_fake *smtp_fake_start(const struct smtp_fake_options *options);
int smtp_fake_port(const struct smtp_fake *fake);
/** How many messages were taken; connections made. */
size_t smtp_fake_messages(struct smtp_fake *fake);
size_t smtp_fake_connections(struct smtp_fake *fake);
/** The bytes of the latest message as they came over the wire, without the final dot; valid until the next comes. */
struct slice smtp_fake_last(struct smtp_fake *fake);
/** Was a line heard that begins with `prefix`? How often? */
size_t smtp_fake_heard(struct smtp_fake *fake, const char *prefix);
void smtp_fake_stop(struct smtp_fake **fake);

/** Writes a self-signed certificate for `name` with its key to `path`. */
void smtp_fake_certificate(const char *path, const char *name);

#endif
