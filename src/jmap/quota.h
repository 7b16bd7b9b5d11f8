/* Quotas (RFC 9425): quota.c. */
#ifndef JMAP_QUOTA_H
#define JMAP_QUOTA_H

#include "jmap/internal.h"

extern const struct jmap_type jmap_quota_type;
enum net_run jmap_quota_get(struct jmap_call *call);
enum net_run jmap_quota_changes(struct jmap_call *call);
enum net_run jmap_quota_query(struct jmap_call *call);
enum net_run jmap_quota_query_changes(struct jmap_call *call);

#endif
