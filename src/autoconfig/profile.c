/* Apple's configuration profiles: a property list with one account (Configuration Profile Reference, payload com.apple.mail.managed). TLS is only on
 * or off there: with it on, a device begins with STARTTLS at the ports that are known for it. */
#include <openssl/err.h>
#include <openssl/cms.h>
#include <openssl/pem.h>

#include "autoconfig/internal.h"
#include "xml/xml.h"

static void put_text(struct buf *out, unsigned depth, const char *key, struct slice text)
{
	autoconfig_put(out, depth, "key", slice_of(key));
	autoconfig_put(out, depth, "string", text);
}

static void put_number(struct buf *out, unsigned depth, const char *key, unsigned number)
{
	autoconfig_put(out, depth, "key", slice_of(key));
	autoconfig_put_number(out, depth, "integer", number);
}

static void put_flag(struct buf *out, unsigned depth, const char *key, bool on)
{
	autoconfig_put(out, depth, "key", slice_of(key));
	buf_printf(out, "%*s<%s/>\n", (int)(2 * depth), "", on ? "true" : "false");
}

/* A UUID of the version for ways of one's own (RFC 9562 §5.8): the same for the same account, always. */
static void put_uuid(const struct autoconfig_plan *plan, struct slice purpose, struct buf *out)
{
	const struct slice parts[] = {SLICE("pombal profile"), purpose, plan->hostname, plan->domain_ascii, plan->address};
	unsigned char digest[AUTOCONFIG_DIGEST_BYTES];
	autoconfig_digest_list(parts, sizeof parts / sizeof *parts, digest);
	digest[6] = (digest[6] & 0x0f) | 0x80;
	digest[8] = (digest[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++)
		buf_printf(out, "%s%02X", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", digest[i]);
}

/* A name under which the device keeps it: the server's, back to front, and the account's UUID. */
static void put_identifier(const struct autoconfig_plan *plan, struct slice purpose, struct buf *out)
{
	struct buf text = BUF(AUTOCONFIG_DOCUMENT_MAX);
	struct slice rest = plan->hostname;
	for (size_t dot = 0; dot != SLICE_NONE; rest = slice_sub(rest, 0, dot)) {
		dot = slice_find_last_char(rest, '.');
		buf_append(&text, dot == SLICE_NONE ? rest : slice_skip(rest, dot + 1));
		buf_append_char(&text, '.');
	}
	buf_append(&text, purpose);
	buf_append_char(&text, '.');
	put_uuid(plan, purpose, &text);
	put_text(out, 2, "PayloadIdentifier", buf_slice(&text));
	buf_free(&text);
}

/* What every payload has. `depth` of the profile's own is that of the account's, too: a reader doesn't care. */
static void put_payload(const struct autoconfig_plan *plan, const char *type, struct slice purpose, struct buf *out)
{
	struct buf uuid = BUF(64);
	put_uuid(plan, purpose, &uuid);
	put_identifier(plan, purpose, out);
	put_text(out, 2, "PayloadType", slice_of(type));
	put_text(out, 2, "PayloadUUID", buf_slice(&uuid));
	put_number(out, 2, "PayloadVersion", 1);
	put_text(out, 2, "PayloadOrganization", autoconfig_provider(plan, AUTOCONFIG_NAME_MAX));
	put_text(out, 2, "PayloadDisplayName", plan->address.len > 0 ? plan->address : autoconfig_provider(plan, AUTOCONFIG_NAME_MAX));
	buf_free(&uuid);
}

/* `way`: "Incoming" or "Outgoing". */
static void put_server(const struct autoconfig_plan *plan, const struct autoconfig_service *service, const char *way, struct buf *out)
{
	char key[64];
	snprintf(key, sizeof key, "%sMailServerAuthentication", way);
	put_text(out, 2, key, SLICE("EmailAuthPassword"));
	snprintf(key, sizeof key, "%sMailServerHostName", way);
	put_text(out, 2, key, plan->hostname);
	snprintf(key, sizeof key, "%sMailServerPortNumber", way);
	put_number(out, 2, key, service->port);
	snprintf(key, sizeof key, "%sMailServerUseSSL", way);
	put_flag(out, 2, key, service->security != AUTOCONFIG_PLAIN);
	snprintf(key, sizeof key, "%sMailServerUsername", way);
	if (autoconfig_sign_in_name(plan).len > 0)
		put_text(out, 2, key, autoconfig_sign_in_name(plan));
}

/* What isn't known (address, name) is left out: the device asks for it. */
static void put_account(const struct autoconfig_plan *plan, const struct autoconfig_service *incoming, const struct autoconfig_service *outgoing, struct buf *out)
{
	put_text(out, 2, "EmailAccountType", incoming->kind == AUTOCONFIG_IMAP ? SLICE("EmailTypeIMAP") : SLICE("EmailTypePOP"));
	put_text(out, 2, "EmailAccountDescription", plan->address.len > 0 ? plan->address : autoconfig_provider(plan, AUTOCONFIG_NAME_MAX));
	if (plan->person.len > 0)
		put_text(out, 2, "EmailAccountName", plan->person);
	if (plan->address.len > 0)
		put_text(out, 2, "EmailAddress", plan->address);
	put_server(plan, incoming, "Incoming", out);
	put_server(plan, outgoing, "Outgoing", out);
	put_flag(out, 2, "OutgoingPasswordSameAsIncomingPassword", true);
}

bool autoconfig_write_profile(const struct autoconfig_plan *plan, struct buf *out)
{
	const struct autoconfig_service *incoming = autoconfig_best(plan, AUTOCONFIG_IMAP), *outgoing = autoconfig_best(plan, AUTOCONFIG_SUBMISSION);
	incoming = incoming ? incoming : autoconfig_best(plan, AUTOCONFIG_POP3);
	if (!incoming || !outgoing)
		return false;
	buf_append(out, SLICE("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
			      "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n"));
	put_payload(plan, "Configuration", SLICE("profile"), out);
	put_text(out, 2, "PayloadDescription", SLICE("Sets up a mail account."));
	put_flag(out, 2, "PayloadRemovalDisallowed", false);
	buf_append(out, SLICE("    <key>PayloadContent</key>\n    <array>\n    <dict>\n"));
	put_payload(plan, "com.apple.mail.managed", SLICE("mail"), out);
	put_account(plan, incoming, outgoing, out);
	return buf_append(out, SLICE("    </dict>\n    </array>\n</dict>\n</plist>\n"));
}

/* ---- Signing ---- */

static BIO *memory_of(struct slice bytes) { return BIO_new_mem_buf(bytes.at ? bytes.at : "", (int)bytes.len); }

static STACK_OF(X509) *read_chain(BIO *memory)
{
	STACK_OF(X509) *rest = sk_X509_new_null();
	X509 *certificate;
	while ((certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL)))
		sk_X509_push(rest, certificate);
	ERR_clear_error(); /* its end */
	return rest;
}

/* No password is asked at a terminal. */
static int no_password(char *out, int size, int writing, void *context)
{
	(void)out, (void)size, (void)writing, (void)context;
	return -1;
}

static bool append_der(CMS_ContentInfo *signed_data, struct buf *out, struct error *error)
{
	unsigned char *der = NULL;
	int length = i2d_CMS_ContentInfo(signed_data, &der);
	bool done = length > 0 && buf_append(out, slice_make((const char *)der, (size_t)length));
	OPENSSL_free(der);
	return done || error_set(error, ERROR_LIMIT, "the signed profile is too large");
}

static bool sign(X509 *certificate, EVP_PKEY *key, STACK_OF(X509) *rest, BIO *content, struct buf *out, struct error *error)
{
	CMS_ContentInfo *signed_data = CMS_sign(certificate, key, rest, content, CMS_BINARY | CMS_NOSMIMECAP);
	if (!signed_data)
		return error_set(error, ERROR_INVALID, "the profile can't be signed: %s", ERR_reason_error_string(ERR_peek_last_error()));
	bool done = append_der(signed_data, out, error);
	CMS_ContentInfo_free(signed_data);
	return done;
}

bool autoconfig_sign_profile(struct slice profile, struct slice chain, struct slice key, struct buf *out, struct error *error)
{
	BIO *chain_memory = memory_of(chain), *key_memory = memory_of(key), *content = memory_of(profile);
	X509 *certificate = PEM_read_bio_X509(chain_memory, NULL, no_password, NULL);
	EVP_PKEY *private_key = PEM_read_bio_PrivateKey(key_memory, NULL, no_password, NULL);
	STACK_OF(X509) *rest = read_chain(chain_memory);
	bool done = certificate && private_key ? sign(certificate, private_key, rest, content, out, error) :
						 error_set(error, ERROR_INVALID, "the %s can't be read", certificate ? "key" : "certificate");
	sk_X509_pop_free(rest, X509_free);
	EVP_PKEY_free(private_key);
	X509_free(certificate);
	BIO_free(content);
	BIO_free(key_memory);
	BIO_free(chain_memory);
	return done;
}
