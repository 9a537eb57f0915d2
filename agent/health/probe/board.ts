/** Heat and power. */
import { decimal, hexadecimal, round } from './numbers.js';
import type { Kernel, List, Measured } from './values.js';

export interface BoardPlaces {
  /** Millidegrees (Documentation/ABI/testing/sysfs-class-thermal). */
  temperatures: string[];
  /** The Pi's firmware, by Raspberry Pi's own kernels. */
  throttled: string;
  /** The same firmware's alarm, by Linux's own driver (Documentation/hwmon/raspberrypi-hwmon.rst). */
  voltageAlarms: string[];
}

export async function findBoard(kernel: Kernel, list: List): Promise<BoardPlaces> {
  const [zones, monitors] = await Promise.all([list('/sys/class/thermal'), list('/sys/class/hwmon')]);
  const names = await Promise.all(monitors.map((name) => kernel(`/sys/class/hwmon/${name}/name`)));
  return {
    temperatures: zones
      .filter((zone) => zone.startsWith('thermal_zone'))
      .slice(0, 16)
      .map((zone) => `/sys/class/thermal/${zone}/temp`),
    throttled: '/sys/devices/platform/soc/soc:firmware/get_throttled',
    voltageAlarms: monitors.flatMap((name, at) =>
      names[at]?.trim() === 'rpi_volt' ? [`/sys/class/hwmon/${name}/in0_lcrit_alarm`] : [],
    ),
  };
}

/** The hottest that the machine tells, in degrees. Sensors that are not there say absurd things. */
export function hottest(texts: readonly (string | undefined)[]): number | undefined {
  const degrees = texts.flatMap((text) => {
    const value = decimal(text);
    return value !== undefined && value > -100_000 && value < 200_000 ? [value / 1000] : [];
  });
  return degrees.length > 0 ? round(Math.max(...degrees), 1) : undefined;
}

const bit = (value: number, at: number): number => (value >> at) & 1;

/**
 * Bits 0 to 3: too low a voltage, clock limited, throttled, soft limit of temperature, now; 16 to 19 the same since the
 * start (Raspberry Pi documentation, vcgencmd get_throttled).
 */
export function throttling(text: string | undefined): Measured {
  const value = hexadecimal(text);
  if (value === undefined) return {};
  return {
    'hw.status{hw.state=under_voltage}': bit(value, 0),
    'hw.status{hw.state=under_voltage_since_boot}': bit(value, 16) | bit(value, 0),
    'hw.status{hw.state=throttled}': bit(value, 1) | bit(value, 2) | bit(value, 3),
  };
}

export async function readBoard(kernel: Kernel, places: BoardPlaces): Promise<Measured> {
  const [temperatures, throttled, alarms] = await Promise.all([
    Promise.all(places.temperatures.map(kernel)),
    kernel(places.throttled),
    Promise.all(places.voltageAlarms.map(kernel)),
  ]);
  const alarm = alarms.map(decimal).find((value) => value === 0 || value === 1);
  return {
    'hw.temperature': hottest(temperatures),
    'hw.status{hw.state=under_voltage}': alarm,
    ...throttling(throttled),
  };
}
