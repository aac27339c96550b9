// Whether many devices have the same host name: a product's name, or the default name of a system. Such a name is no evidence that two
// devices are one. In doubt a name is taken to be generic, because a missing hint does less harm than a wrong one.

/**
 * Generic names begin with these: products, and names of systems. Names that contain something random or a serial number belong to one
 * device: `DESKTOP-4F2K1QP` and `LAPTOP-9C7TRE2M` (Windows), `ESP_3E3B70` (Espressif).
 */
const PRODUCTS: ReadonlySet<string> = new Set([
  // Apple sends the letters of the product type where it hides the owner's name (bootp, IPConfiguration.bproj/dhcp.c).
  ...words('iphone ipad ipod macbook imac mac apple watch homepod audioaccessory'),
  // Android sends the device's name, which is the model unless the owner changes it (NetworkStack, DhcpClient.java).
  ...words(
    'galaxy samsung sm gt pixel nexus redmi xiaomi mi poco oneplus oppo realme vivo huawei honor moto motorola nokia',
  ),
  ...words(
    'xperia fairphone nothing lenovo asus lg htc tecno infinix zenfone rog zte blade tcl sony nubia redmagic umidigi doogee',
  ),
  ...words('surface thinkpad ideapad elitebook probook latitude inspiron xps vivobook zenbook'),
  // Consoles, players and televisions.
  ...words('xbox xboxone playstation ps nintendo switch steamdeck kindle fire chromecast bravia lgwebostv roku firetv'),
  // Default names of systems, and general words for a device.
  ...words(
    'localhost unknown none null raspberrypi raspberry espressif openwrt ubuntu debian fedora archlinux kali linux',
  ),
  ...words('manjaro arch mint nixos steamos lineageos'),
  ...words('windows chromebook desktop laptop notebook computer pc phone smartphone tablet host user home mypc'),
]);

/** After the product, generic names have these variants of models, or numbers. */
const VARIANTS: ReadonlySet<string> = new Set([
  ...words(
    'pro max plus mini air se xr xs touch studio ultra lite fe xl fold flip note tab pad book watch buds edge active',
  ),
  ...words(
    'xcover neo classic power play nord mate nova reno find magic phone tablet galaxy redmi mi poco pixel nfc tv pi',
  ),
  ...words('pc laptop desktop'),
  ...words(
    'ce gt stylus smart hot spark note camon zero neo turbo prime premium zoom go duo book carbon yoga stick one series',
  ),
  ...words('ii iii iv vi vii switch'),
]);

/**
 * Codes of models, which phones send where nobody named them: OPPO (`CPH2451`), realme (`RMX3085`), vivo (`V2027`), OnePlus (`KB2003`),
 * Xiaomi (`M2101K6G`, `2201117TG`), Huawei (`MAR-LX1A`), Sony (`XQ-BC72`). A number may follow.
 */
const MODEL_CODES = [
  /^(cph|rmx|v|ac|be|dn|gm|hd|in|kb|le|mt|ne)\d{4}[a-z]?$/,
  /^(m\d{4}[a-z]\d{1,2}|2\d{5,8})[a-z]{1,3}$/,
  /^[a-z]{3}-(al|l|lx|n|nx|tl)\d{1,2}[a-z]?$/,
  /^xq-[a-z]{2}\d{2}$/,
];
const NUMBER_BEHIND = /[\s\-_]\(?\d{1,2}\)?$/;

/** `8`, `s23`, `a52s`, `note20`, `13t`, `a525f`, `5g`. */
const MODEL = /^[a-z]{0,5}\d{1,4}[a-z]{0,3}$/;
/** As in `moto-g`. */
const LETTER = /^[a-z]$/;

/**
 * Windows adds seven or eight random characters, so that the name has the 15 that NetBIOS allows. They may look like a model by
 * chance.
 */
const RANDOM = /^(desktop-[0-9a-z]{7}|laptop-[0-9a-z]{8})$/;

/** Android's default name until version 9. An identifier follows (`android-8246fb4b9bc389bc`), or anything else. */
const ANDROID = /^android($|[-_\s])/;

const MAX_PRODUCT = Math.max(...[...PRODUCTS].map((product) => product.length));

/** Case and added numbers make no difference: `iPhone`, `iphone-2`, `iPad (3)`, `Galaxy-S23-Ultra`, `SM-A525F`. */
export function isGenericName(name: string): boolean {
  // Some clients send their domain too.
  const label = name.toLowerCase().split('.', 1)[0] ?? '';
  if (ANDROID.test(label)) return true;
  if (RANDOM.test(label)) return false;
  const code = label.replace(NUMBER_BEHIND, '');
  if (MODEL_CODES.some((codes) => codes.test(code))) return true;
  const [first = '', ...others] = label.split(/[\s\-_()+]+/).filter((word) => word !== '');
  return isProduct(first) && others.every((word) => isVariant(word) || LETTER.test(word));
}

function isVariant(word: string): boolean {
  return VARIANTS.has(word) || MODEL.test(word);
}

/** Whether it is a product, alone or with a variant written together: `macbookpro`, `iphone15`. */
function isProduct(word: string): boolean {
  for (let length = Math.min(word.length, MAX_PRODUCT); length > 0; length--) {
    const ending = word.slice(length);
    if (PRODUCTS.has(word.slice(0, length)) && (ending === '' || isVariant(ending))) return true;
  }
  return false;
}

function words(text: string): string[] {
  return text.split(' ');
}
