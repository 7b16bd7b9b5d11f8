/* See kinds.h. */
#include "acme/kinds.h"

#include "config/config.h"

/* Does something listen for that service, which a part of the program may not have? */
static bool is_listening(const struct config *config, const char *name)
{
	for (int i = 0; i < SERVICE_COUNT; i++)
		if (slice_equal(slice_of(service_rows[i].name), slice_of(name)))
			return service_addresses(config, (enum service)i)->count > 0;
	return false;
}

static bool is_possible(const struct config *config, enum acme_kind kind)
{
	switch (kind) {
	case ACME_HTTP:
		return is_listening(config, "http");
	case ACME_TLS_ALPN:
		return is_listening(config, "https");
	case ACME_DNS:
		return config->dns_update.count > 0;
	default:
		return true; /* the record may have been written by hand */
	}
}

void acme_kinds_find(const struct config *config, struct acme_kind_list *list)
{
	enum acme_kind kind;
	*list = (struct acme_kind_list){0};
	for (size_t i = 0; i < config->acme_challenge.count; i++)
		if (list->count < ACME_KINDS && acme_kind_parse(slice_of(config->acme_challenge.at[i]), &kind) && is_possible(config, kind))
			list->at[list->count++] = kind;
}

static bool is_dns(enum acme_kind kind)
{
	return kind == ACME_DNS || kind == ACME_DNS_PERSIST;
}

bool acme_kinds_have_dns(const struct acme_kind_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (is_dns(list->at[i]))
			return true;
	return false;
}

bool acme_kinds_are_dns(const struct acme_kind_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (!is_dns(list->at[i]))
			return false;
	return list->count > 0;
}
