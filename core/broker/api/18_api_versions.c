/* ApiVersions (18), 0-4.
 *
 * v3 client software and features, flexible, but its response header is always
 * the old one.  An unknown version is answered before it gets here (request.c).
 * metadata.version is the only finalized feature: transaction.version and
 * group.version are supported at level 0, which means without, until transactions
 * and KIP-848 groups are served; clients take a finalized level for a promise.
 * Versions 0-3 cannot carry a feature with minimum 0. */
#include "core/broker/internal.h"

#include <ctype.h>

#define METADATA_VERSION_MIN 7
#define METADATA_VERSION_MAX 30
#define FEATURES_EPOCH 1

/* [a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])? */
static bool software_name_valid(struct slice s) {
    for (size_t i = 0; i < s.n; i++) {
        bool inner = i > 0 && i + 1 < s.n && (s.p[i] == '-' || s.p[i] == '.');
        if (s.p[i] >= 0x80 || (!isalnum(s.p[i]) && !inner))
            return false;
    }
    return s.n > 0;
}

static void fill_features(struct request *rq, struct api_versions_resp *resp) {
    resp->supported_features.n = rq->header.version >= 4 ? 3 : 1;
    resp->supported_features.v = request_array(rq, api_versions_resp_supported_feature_key, 3);
    resp->supported_features.v[0].name = SLICE("metadata.version");
    resp->supported_features.v[0].min_version = METADATA_VERSION_MIN;
    resp->supported_features.v[0].max_version = METADATA_VERSION_MAX;
    resp->supported_features.v[1].name = SLICE("group.version");
    resp->supported_features.v[2].name = SLICE("transaction.version");
    resp->finalized_features_epoch = FEATURES_EPOCH;
    resp->finalized_features.n = 1;
    resp->finalized_features.v = request_array(rq, api_versions_resp_finalized_feature_key, 1);
    resp->finalized_features.v[0].name = SLICE("metadata.version");
    resp->finalized_features.v[0].min_version_level = METADATA_VERSION_MAX;
    resp->finalized_features.v[0].max_version_level = METADATA_VERSION_MAX;
}

void handle_api_versions(struct broker *b, struct request *rq) {
    const struct api_versions_req *req = rq->body;
    struct api_versions_resp resp;
    proto_init(PROTO_STRUCT(api_versions_resp), &resp);
    if (rq->header.version >= 3) {
        if (!software_name_valid(req->client_software_name) || !software_name_valid(req->client_software_version)) {
            resp.error_code = KAFKA_INVALID_REQUEST;
            request_reply(b, rq, &resp);
            return;
        }
        fill_features(rq, &resp);
    }
    resp.api_keys.v = request_array(rq, api_versions_resp_version, apis_n);
    for (size_t i = 0; i < apis_n; i++) {
        if (!api_advertised(&apis[i]))
            continue;
        struct api_versions_resp_version *v = &resp.api_keys.v[resp.api_keys.n++];
        v->api_key = apis[i].key;
        v->min_version = apis[i].advertised_min;
        v->max_version = apis[i].advertised_max;
    }
    request_reply(b, rq, &resp);
}
