/* What a plan says, asked by the writers of all formats. */
#include <openssl/evp.h>

#include "autoconfig/internal.h"
#include "xml/xml.h"

const struct autoconfig_service *autoconfig_offered(const struct autoconfig_plan *plan, enum autoconfig_kind kind, enum autoconfig_security security)
{
	for (size_t i = 0; i < plan->service_count; i++)
		if (plan->services[i].kind == kind && plan->services[i].security == security)
			return &plan->services[i];
	return NULL;
}

const struct autoconfig_service *autoconfig_best(const struct autoconfig_plan *plan, enum autoconfig_kind kind)
{
	const struct autoconfig_service *best = NULL;
	for (int security = 0; security < AUTOCONFIG_SECURITIES && !best; security++)
		best = autoconfig_offered(plan, kind, (enum autoconfig_security)security);
	return best;
}

struct slice autoconfig_sign_in_name(const struct autoconfig_plan *plan) { return plan->name.len > 0 ? plan->name : plan->address; }

/* Never through the middle of a character. */
static struct slice first_characters(struct slice text, size_t most)
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		if (((unsigned char)text.at[i] & 0xc0) != 0x80 && ++count > most)
			return slice_sub(text, 0, i);
	return text;
}

struct slice autoconfig_provider(const struct autoconfig_plan *plan, size_t characters)
{
	return first_characters(plan->provider.len > 0 ? plan->provider : plan->domain, characters);
}

void autoconfig_put(struct buf *out, unsigned depth, const char *name, struct slice text)
{
	buf_printf(out, "%*s<%s>", (int)(2 * depth), "", name);
	xml_append(out, text);
	buf_printf(out, "</%s>\n", name);
}

void autoconfig_put_number(struct buf *out, unsigned depth, const char *name, unsigned number)
{
	buf_printf(out, "%*s<%s>%u</%s>\n", (int)(2 * depth), "", name, number, name);
}

void autoconfig_digest_list(const struct slice *parts, size_t count, unsigned char digest[AUTOCONFIG_DIGEST_BYTES])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	for (size_t i = 0; i < count; i++) {
		uint64_t length = parts[i].len;
		EVP_DigestUpdate(context, &length, sizeof length);
		EVP_DigestUpdate(context, parts[i].at, parts[i].len);
	}
	EVP_DigestFinal_ex(context, digest, NULL);
	EVP_MD_CTX_free(context);
}

const char *autoconfig_kind_name(enum autoconfig_kind kind)
{
	static const char *const names[] = {[AUTOCONFIG_IMAP] = "IMAP", [AUTOCONFIG_POP3] = "POP3", [AUTOCONFIG_SUBMISSION] = "submission"};
	return names[kind];
}

const char *autoconfig_security_name(enum autoconfig_security security)
{
	static const char *const names[] = {[AUTOCONFIG_TLS] = "TLS", [AUTOCONFIG_STARTTLS] = "STARTTLS", [AUTOCONFIG_PLAIN] = "no TLS"};
	return names[security];
}
