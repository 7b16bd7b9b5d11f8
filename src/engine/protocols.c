/* The table of protocols. */
#include "engine/internal.h"

const struct engine_protocol engine_protocols[CONFIG_ENGINE_KINDS] = {
	[CONFIG_ENGINE_CLAMD] = {engine_clamd_begin, engine_clamd_more, engine_clamd_understand},
	[CONFIG_ENGINE_SPAMD] = {engine_spamd_begin, engine_spamd_more, engine_spamd_understand},
	[CONFIG_ENGINE_RSPAMD] = {engine_rspamd_begin, engine_spamd_more, engine_rspamd_understand},
	[CONFIG_ENGINE_ICAP] = {engine_icap_begin, engine_icap_more, engine_icap_understand},
	[CONFIG_ENGINE_MILTER] = {engine_milter_begin, engine_milter_more, engine_milter_understand},
};
