// The scenario for legacy_client.mjs in which nothing passes any more. A table of its own, since the reference does not notice
// it after an upgrade: it forgets the timer when the transport is swapped (A50, I3).

import { deepStrictEqual as same } from "node:assert";
import { silenceableProxy } from "./silenceable_proxy.mjs";
import { next } from "./verdicts.mjs";

export const scenarios = {
  async "both sides report a ping timeout when nothing passes any more"(scene) {
    const proxy = await silenceableProxy(scene.url);
    scene.later(proxy.close);
    const socket = await scene.connect("/", { url: proxy.url });
    await scene.settle(socket);
    const { id } = socket;
    const gone = next(socket, "disconnect");
    proxy.silence();
    same(await gone, ["ping timeout"]);
    same(await scene.farewellOf(id), ["ping timeout", []]);
  },
};
