/** The icons in use, from Lucide (ISC). Only those named here are bundled. */
import move from "lucide-static/icons/arrow-right-left.svg?raw";
import arrowRight from "lucide-static/icons/arrow-right.svg?raw";
import check from "lucide-static/icons/check.svg?raw";
import copy from "lucide-static/icons/copy.svg?raw";
import more from "lucide-static/icons/ellipsis.svg?raw";
import externalLink from "lucide-static/icons/external-link.svg?raw";
import eye from "lucide-static/icons/eye.svg?raw";
import flask from "lucide-static/icons/flask-conical.svg?raw";
import gauge from "lucide-static/icons/gauge.svg?raw";
import history from "lucide-static/icons/history.svg?raw";
import key from "lucide-static/icons/key-round.svg?raw";
import layers from "lucide-static/icons/layers.svg?raw";
import list from "lucide-static/icons/list.svg?raw";
import lock from "lucide-static/icons/lock.svg?raw";
import map from "lucide-static/icons/map.svg?raw";
import pause from "lucide-static/icons/pause.svg?raw";
import pencil from "lucide-static/icons/pencil.svg?raw";
import play from "lucide-static/icons/play.svg?raw";
import plug from "lucide-static/icons/plug.svg?raw";
import radio from "lucide-static/icons/radio.svg?raw";
import retry from "lucide-static/icons/rotate-ccw.svg?raw";
import route from "lucide-static/icons/route.svg?raw";
import search from "lucide-static/icons/search.svg?raw";
import settings from "lucide-static/icons/settings.svg?raw";
import trash from "lucide-static/icons/trash-2.svg?raw";
import undo from "lucide-static/icons/undo-2.svg?raw";
import wifiOff from "lucide-static/icons/wifi-off.svg?raw";
import wifi from "lucide-static/icons/wifi.svg?raw";
import wrench from "lucide-static/icons/wrench.svg?raw";
import x from "lucide-static/icons/x.svg?raw";
import zap from "lucide-static/icons/zap.svg?raw";

const raw = {
  arrowRight, check, copy, externalLink, eye, flask, gauge, history, key, layers, list, lock, map, more,
  move, pause, pencil, play, plug, radio, retry, route, search, settings, trash, undo, wifi, wifiOff, wrench, x,
  zap,
};

export type IconName = keyof typeof raw;

/** The shapes inside an icon's `<svg>`. */
export const shapes = Object.fromEntries(
  Object.entries(raw).map(([name, svg]) => [name, /<svg[^>]*>([\s\S]*)<\/svg>/.exec(svg)?.[1] ?? ""]),
) as Record<IconName, string>;
