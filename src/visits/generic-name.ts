// Whether a host name is one that many devices have: a product's name, or what a system calls itself until its owner gives it a name.
// Such a name ties nobody to anybody. In doubt a name is generic: a tie that is missed costs a hint, a wrong one points at somebody.

/**
 * What such names begin with: products, and names of systems. Not the names that hold something random or a serial number, which belong
 * to one device: `DESKTOP-4F2K1QP` and `LAPTOP-9C7TRE2M` (Windows), `ESP_3E3B70` (Espressif).
 */
const PRODUCTS: ReadonlySet<string> = new Set([
  // Apple sends the letters of the product type where it hides the owner's name (bootp, IPConfiguration.bproj/dhcp.c).
  ...words('iphone ipad ipod macbook imac mac apple watch homepod audioaccessory'),
  // Android sends the device's name, which is its model until it is given another (NetworkStack, DhcpClient.java).
  ...words(
    'galaxy samsung sm gt pixel nexus redmi xiaomi mi poco oneplus oppo realme vivo huawei honor moto motorola nokia',
  ),
  ...words('xperia fairphone nothing lenovo asus lg htc'),
  // What systems are called before anybody names them, and what people call a thing that is one of many.
  ...words(
    'localhost unknown none null raspberrypi raspberry espressif openwrt ubuntu debian fedora archlinux kali linux',
  ),
  ...words('windows chromebook desktop laptop notebook computer pc phone smartphone tablet'),
]);

/** What such names go on with besides numbers: variants of models. */
const VARIANTS: ReadonlySet<string> = new Set([
  ...words(
    'pro max plus mini air se xr xs touch studio ultra lite fe xl fold flip note tab pad book watch buds edge active',
  ),
  ...words(
    'xcover neo classic power play nord mate nova reno find magic phone tablet galaxy redmi mi poco pixel nfc tv pi',
  ),
  ...words('pc laptop desktop'),
]);

/** `8`, `s23`, `a52s`, `note20`, `13t`, `a525f`, `5g`. */
const MODEL = /^[a-z]{0,5}\d{1,4}[a-z]{0,3}$/;
/** As in `moto-g`. */
const LETTER = /^[a-z]$/;

/** Windows makes up seven or eight characters, so that the name has the 15 that NetBIOS allows. By chance they may look like a model. */
const RANDOM = /^(desktop-[0-9a-z]{7}|laptop-[0-9a-z]{8})$/;

/** Android's name until version 9: the rest is made of an identifier (`android-8246fb4b9bc389bc`), or of anything. */
const ANDROID = /^android($|[-_\s])/;

const MAX_PRODUCT = Math.max(...[...PRODUCTS].map((product) => product.length));

/** Whatever the case, and whatever number is put behind it: `iPhone`, `iphone-2`, `iPad (3)`, `Galaxy-S23-Ultra`, `SM-A525F`. */
export function isGenericName(name: string): boolean {
  // Some clients add their domain.
  const label = name.toLowerCase().split('.', 1)[0] ?? '';
  if (ANDROID.test(label)) return true;
  if (RANDOM.test(label)) return false;
  const [first = '', ...rest] = label.split(/[\s\-_()+]+/).filter((word) => word !== '');
  return isProduct(first) && rest.every((word) => isVariant(word) || LETTER.test(word));
}

function isVariant(word: string): boolean {
  return VARIANTS.has(word) || MODEL.test(word);
}

/** A product, perhaps with its variant run on: `macbookpro`, `iphone15`. */
function isProduct(word: string): boolean {
  for (let length = Math.min(word.length, MAX_PRODUCT); length > 0; length--) {
    const rest = word.slice(length);
    if (PRODUCTS.has(word.slice(0, length)) && (rest === '' || isVariant(rest))) return true;
  }
  return false;
}

function words(text: string): string[] {
  return text.split(' ');
}
