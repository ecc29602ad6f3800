/* SPDX-License-Identifier: MIT */
/*
 * concordance.h -- everything an app or a plug-in needs, in one include.
 */
#ifndef CONCORDANCE_H
#define CONCORDANCE_H

#include <concordance/app.h>
#include <concordance/buf.h>
#include <concordance/login.h>
#include <concordance/service.h>
#include <concordance/store.h>
#include <concordance/types.h>
#include <concordance/xml.h>

#endif /* CONCORDANCE_H */
