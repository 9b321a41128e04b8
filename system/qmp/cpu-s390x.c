/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models of s390x for management: expansion, comparison, baseline.
 *
 * A static expansion names the base of the model's machine and the features that differ from it; a
 * full one tells every feature. Comparison looks at the machine (property "type") and at features.
 */
#include <string.h>
#include "qmp.h"
#include "target/s390x/features.h"

typedef struct {
    const S390Model *model;
    S390Features features;
} Described;

static bool set_feature(Described *d, const char *key, Json *value, GError **error)
{
    for (unsigned k = 0; k < s390_feature_count; k++) {
        if (strcmp(key, s390_feature_names[k])) {
            continue;
        }
        if (!json_object_is_type(value, json_type_boolean)) {
            g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                        "Invalid parameter type for 'model.props.%s', expected: boolean", key);
            return false;
        }
        s390_feature_set(&d->features, k, json_object_get_boolean(value));
        return true;
    }
    g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "Property '%s-s390x-cpu.%s' not found",
                d->model->name, key);
    return false;
}

static bool describe(Json *info, Described *d, GError **error)
{
    const char *name = json_str(info, "name", "");
    Json *props = json_member(info, "props");

    d->model = s390_model_find(name);
    if (!d->model) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "The CPU definition '%s' is unknown.",
                    name);
        return false;
    }
    s390_model_features(d->model, &d->features);
    if (!props) {
        return true;
    }
    if (!json_object_is_type(props, json_type_object)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Invalid parameter type for 'model.props', expected: object");
        return false;
    }
    json_object_object_foreach(props, key, value)
    {
        if (!set_feature(d, key, value, error)) {
            return false;
        }
    }
    return true;
}

static void add_props(Json *props, const S390Features *f, bool on)
{
    g_auto(GStrv) names = s390_features_list(f);

    for (char **n = names; *n; n++) {
        json_add_bool(props, *n, on);
    }
}

/* full: every feature; else what is more and less than the base has. */
static Json *model_info(const S390Model *base, const S390Features *f, bool full)
{
    Json *info = json_object_new_object(), *props = json_object_new_object();
    S390Features start, more, fewer = { { 0 } };

    s390_model_features(base, &start);
    if (full) {
        start = (S390Features){ { 0 } };
        for (unsigned k = 0; k < s390_feature_count; k++) {
            s390_feature_set(&fewer, k, true);
        }
    }
    for (unsigned w = 0; w < S390_FEATURE_WORDS; w++) {
        more.w[w] = f->w[w] & ~start.w[w];
        fewer.w[w] = (full ? fewer.w[w] : start.w[w]) & ~f->w[w];
    }
    add_props(props, &more, true);
    add_props(props, &fewer, false);
    json_add_str(info, "name", base->name);
    if (json_object_object_length(props)) {
        json_add(info, "props", props);
    } else {
        json_object_put(props);
    }
    return info;
}

/* Features that newer machines no longer have; in a static expansion, of those that the model has. */
static Json *deprecated(const Described *d, bool full)
{
    static const char *const names[] = { "bpb", "te", "cte", "csske" };
    Json *list = json_object_new_array();

    for (unsigned n = 0; n < G_N_ELEMENTS(names); n++) {
        for (unsigned k = 0; k < s390_feature_count; k++) {
            bool has = full || s390_features_has(&d->features, k);
            if (has && !strcmp(names[n], s390_feature_names[k])) {
                json_object_array_add(list, json_object_new_string(names[n]));
            }
        }
    }
    return list;
}

Json *qmp_s390_cpu_expansion(Json *args, GError **error)
{
    Described d;

    if (!describe(json_member(args, "model"), &d, error)) {
        return NULL;
    }
    bool full = !strcmp(json_str(args, "type", ""), "full");
    Json *out = json_object_new_object();
    json_add(out, "model", model_info(s390_model_find(d.model->base), &d.features, full));
    json_add(out, "deprecated-props", deprecated(&d, full));
    return out;
}

static Json *result(bool a_more, bool b_more, Json *responsible)
{
    Json *out = json_object_new_object();

    json_add_str(out, "result",
                 a_more && b_more ? "incompatible"
                 : a_more         ? "superset"
                 : b_more         ? "subset"
                                  : "identical");
    json_add(out, "responsible-properties", responsible);
    return out;
}

Json *qmp_query_cpu_model_comparison(QmpCall *call, Json *args, GError **error)
{
    Described a, b;

    if (!describe(json_member(args, "modela"), &a, error) ||
        !describe(json_member(args, "modelb"), &b, error)) {
        return NULL;
    }
    int order = s390_model_order(a.model, b.model);
    bool a_more = order > 0, b_more = order < 0;
    Json *responsible = json_object_new_array();
    S390Features differ;
    for (unsigned w = 0; w < S390_FEATURE_WORDS; w++) {
        a_more |= (a.features.w[w] & ~b.features.w[w]) != 0;
        b_more |= (b.features.w[w] & ~a.features.w[w]) != 0;
        differ.w[w] = a.features.w[w] ^ b.features.w[w];
    }
    g_auto(GStrv) names = s390_features_list(&differ);
    for (char **n = names; *n; n++) {
        json_object_array_add(responsible, json_object_new_string(*n));
    }
    if (order) {
        json_object_array_add(responsible, json_object_new_string("type"));
    }
    return result(a_more, b_more, responsible);
}

/* What both have, on a machine no newer than either. */
Json *qmp_query_cpu_model_baseline(QmpCall *call, Json *args, GError **error)
{
    Described a, b;

    if (!describe(json_member(args, "modela"), &a, error) ||
        !describe(json_member(args, "modelb"), &b, error)) {
        return NULL;
    }
    S390Features both;
    for (unsigned w = 0; w < S390_FEATURE_WORDS; w++) {
        both.w[w] = a.features.w[w] & b.features.w[w];
    }
    const S390Model *base = s390_model_baseline(a.model, b.model, &both);
    Json *out = json_object_new_object();
    json_add(out, "model", model_info(base, &both, false));
    return out;
}
