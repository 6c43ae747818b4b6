/*
 * The roots of trees whose leaves are all zero bytes, by height, as the words of SHA-256's state;
 * for C and GLSL to include. X(height, w0, ..., w7), nodes hashed once or twice.
 */
#define MERKLE_ZEROS_ONCE(X)                                                                       \
    X(0, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u,             \
      0x00000000u, 0x00000000u)                                                                    \
    X(1, 0xf5a5fd42u, 0xd16a2030u, 0x2798ef6eu, 0xd309979bu, 0x43003d23u, 0x20d9f0e8u,             \
      0xea9831a9u, 0x2759fb4bu)                                                                    \
    X(2, 0xdb56114eu, 0x00fdd4c1u, 0xf85c892bu, 0xf35ac9a8u, 0x9289aaecu, 0xb1ebd0a9u,             \
      0x6cde606au, 0x748b5d71u)                                                                    \
    X(3, 0xc78009fdu, 0xf07fc56au, 0x11f12237u, 0x0658a353u, 0xaaa542edu, 0x63e44c4bu,             \
      0xc15ff4cdu, 0x105ab33cu)                                                                    \
    X(4, 0x536d9883u, 0x7f2dd165u, 0xa55d5eeau, 0xe9148595u, 0x4472d56fu, 0x246df256u,             \
      0xbf3cae19u, 0x352a123cu)                                                                    \
    X(5, 0x9efde052u, 0xaa15429fu, 0xae05bad4u, 0xd0b1d7c6u, 0x4da64d03u, 0xd7a1854au,             \
      0x588c2cb8u, 0x430c0d30u)                                                                    \
    X(6, 0xd88ddfeeu, 0xd400a875u, 0x5596b219u, 0x42c1497eu, 0x114c302eu, 0x6118290fu,             \
      0x91e67729u, 0x76041fa1u)                                                                    \
    X(7, 0x87eb0ddbu, 0xa57e35f6u, 0xd2866738u, 0x02a4af59u, 0x75e22506u, 0xc7cf4c64u,             \
      0xbb6be5eeu, 0x11527f2cu)                                                                    \
    X(8, 0x26846476u, 0xfd5fc54au, 0x5d433851u, 0x67c95144u, 0xf2643f53u, 0x3cc85bb9u,             \
      0xd16b782fu, 0x8d7db193u)                                                                    \
    X(9, 0x506d8658u, 0x2d252405u, 0xb8400187u, 0x92cad2bfu, 0x1259f1efu, 0x5aa5f887u,             \
      0xe13cb2f0u, 0x094f51e1u)                                                                    \
    X(10, 0xffff0ad7u, 0xe659772fu, 0x9534c195u, 0xc815efc4u, 0x014ef1e1u, 0xdaed4404u,            \
      0xc06385d1u, 0x1192e92bu)                                                                    \
    X(11, 0x6cf04127u, 0xdb05441cu, 0xd833107au, 0x52be8528u, 0x68890e43u, 0x17e6a02au,            \
      0xb47683aau, 0x75964220u)                                                                    \
    X(12, 0xb7d05f87u, 0x5f140027u, 0xef5118a2u, 0x247bbb84u, 0xce8f2f0fu, 0x11236230u,            \
      0x85daf796u, 0x0c329f5fu)                                                                    \
    X(13, 0xdf6af5f5u, 0xbbdb6be9u, 0xef8aa618u, 0xe4bf8073u, 0x96086717u, 0x1e29676fu,            \
      0x8b284deau, 0x6a08a85eu)                                                                    \
    X(14, 0xb58d900fu, 0x5e182e3cu, 0x50ef7496u, 0x9ea16c77u, 0x26c54975u, 0x7cc23523u,            \
      0xc369587du, 0xa7293784u)                                                                    \
    X(15, 0xd49a7502u, 0xffcfb034u, 0x0b1d7885u, 0x688500cau, 0x308161a7u, 0xf96b62dfu,            \
      0x9d083b71u, 0xfcc8f2bbu)                                                                    \
    X(16, 0x8fe6b168u, 0x9256c0d3u, 0x85f42f5bu, 0xbe2027a2u, 0x2c1996e1u, 0x10ba97c1u,            \
      0x71d3e594u, 0x8de92bebu)                                                                    \
    X(17, 0x8d0d63c3u, 0x9ebade85u, 0x09e0ae3cu, 0x9c3876fbu, 0x5fa112beu, 0x18f905ecu,            \
      0xacfecb92u, 0x057603abu)                                                                    \
    X(18, 0x95eec8b2u, 0xe541cad4u, 0xe91de383u, 0x85f2e046u, 0x619f5449u, 0x6c2382cbu,            \
      0x6cacd5b9u, 0x8c26f5a4u)                                                                    \
    X(19, 0xf893e908u, 0x917775b6u, 0x2bff2329u, 0x4dbbe3a1u, 0xcd8e6cc1u, 0xc35b4801u,            \
      0x887b646au, 0x6f81f17fu)                                                                    \
    X(20, 0xcddba7b5u, 0x92e31333u, 0x93c16194u, 0xfac7431au, 0xbf2f5485u, 0xed711db2u,            \
      0x82183c81u, 0x9e08ebaau)                                                                    \
    X(21, 0x8a8d7fe3u, 0xaf8caa08u, 0x5a7639a8u, 0x32001457u, 0xdfb9128au, 0x8061142au,            \
      0xd0335629u, 0xff23ff9cu)                                                                    \
    X(22, 0xfeb3c337u, 0xd7a51a6fu, 0xbf00b9e3u, 0x4c52e1c9u, 0x195c969bu, 0xd4e7a0bfu,            \
      0xd51d5c5bu, 0xed9c1167u)                                                                    \
    X(23, 0xe71f0aa8u, 0x3cc32edfu, 0xbefa9f4du, 0x3e0174cau, 0x85182eecu, 0x9f3a09f6u,            \
      0xa6c0df63u, 0x77a510d7u)                                                                    \
    X(24, 0x31206fa8u, 0x0a50bb6au, 0xbe290850u, 0x58f16212u, 0x212a60eeu, 0xc8f049feu,            \
      0xcb92d8c8u, 0xe0a84bc0u)                                                                    \
    X(25, 0x21352bfeu, 0xcbeddde9u, 0x93839f61u, 0x4c3dac0au, 0x3ee37543u, 0xf9b412b1u,            \
      0x6199dc15u, 0x8e23b544u)

#define MERKLE_ZEROS_TWICE(X)                                                                      \
    X(0, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u,             \
      0x00000000u, 0x00000000u)                                                                    \
    X(1, 0xe2f61c3fu, 0x71d1defdu, 0x3fa999dfu, 0xa3695375u, 0x5c690689u, 0x799962b4u,             \
      0x8bebd836u, 0x974e8cf9u)                                                                    \
    X(2, 0x7d24db2bu, 0xfa41474bu, 0xfb2f877du, 0x688fac5fu, 0xaa5e10a2u, 0x808cf9deu,             \
      0x307370b9u, 0x3352e548u)                                                                    \
    X(3, 0x94857d3eu, 0x08918f70u, 0x395d9206u, 0x410fbfa9u, 0x42f1a889u, 0xaa5ab818u,             \
      0x8ec33c2fu, 0x6e207dc7u)                                                                    \
    X(4, 0x19bf1203u, 0xd3bf4839u, 0x3c69cc25u, 0x598914bbu, 0x9e0d302fu, 0x363d9825u,             \
      0xdba0b9fbu, 0x959ca33bu)                                                                    \
    X(5, 0xad83a785u, 0x7080ddaau, 0xc962e156u, 0xe92e3f07u, 0xd488bc7fu, 0x06ca9c07u,             \
      0x0ec0daebu, 0x7370ee88u)                                                                    \
    X(6, 0xf74f537cu, 0x27f0891fu, 0xfe896bf1u, 0x16f704c3u, 0x38cef196u, 0xe7c57217u,             \
      0xf76bbb0du, 0xd711f7cdu)                                                                    \
    X(7, 0x66b425a6u, 0xe12a0878u, 0xa639b9ccu, 0x7f182f67u, 0xf871be14u, 0x964f2e95u,             \
      0xa259a9a7u, 0x5bee0341u)                                                                    \
    X(8, 0x6d07571du, 0xee2e35e1u, 0x378bc43au, 0x8e1388d2u, 0xfef6b302u, 0x1cc9924bu,             \
      0x885d53b2u, 0xce390ea8u)                                                                    \
    X(9, 0x8689f7dau, 0x67497b46u, 0xfcfb49e2u, 0x02553931u, 0xbf5fdc8cu, 0x9597ef16u,             \
      0x588ea871u, 0x176bd45eu)                                                                    \
    X(10, 0x82372984u, 0xfdbd4ebcu, 0x285f9bdcu, 0x92f8f899u, 0x7a1b3e6eu, 0xa3a1b9a8u,            \
      0xb9061293u, 0x00eb047eu)                                                                    \
    X(11, 0xaa8439a0u, 0x648f5ad8u, 0xfc30fa5eu, 0x73571fbfu, 0xe06ccb00u, 0xafafd695u,            \
      0x96155594u, 0x0d050f29u)                                                                    \
    X(12, 0x72d549f2u, 0x7b837429u, 0x3cb219bau, 0x0a069d8fu, 0x0367c1a6u, 0xdef1c3f7u,            \
      0xc66c9e42u, 0x1fa15b65u)                                                                    \
    X(13, 0x8757fab0u, 0xc4022c2du, 0xaacd0fb9u, 0xd78b4b51u, 0xf600dd23u, 0x2140fe51u,            \
      0x2e867b52u, 0x2acdd04du)                                                                    \
    X(14, 0x2c0c2a1cu, 0x6baa1cb2u, 0xa3806f7eu, 0xedd59d8bu, 0x16245a54u, 0x366c32dau,            \
      0x09c1d746u, 0x40462cc6u)                                                                    \
    X(15, 0x2df0d88eu, 0x87121a38u, 0x0b03cdccu, 0x128f54bdu, 0x2bc150c5u, 0xf8b48d67u,            \
      0xa942b6fau, 0xeec35533u)                                                                    \
    X(16, 0x97a565a4u, 0x5c0eb710u, 0xac45d9e5u, 0xd7b7b6b2u, 0xac244c02u, 0x7030b302u,            \
      0x26e3cd89u, 0x79e9c725u)                                                                    \
    X(17, 0x2784d454u, 0x7e7a8d65u, 0x028b9267u, 0x1e859a52u, 0x9a458c16u, 0xa103dfb8u,            \
      0x7ebbd62du, 0xf3814b97u)                                                                    \
    X(18, 0xc142933cu, 0x44902f9cu, 0x7282f618u, 0xe36deaceu, 0xc33ad194u, 0x2c0c74adu,            \
      0x776eee0au, 0x9656deadu)                                                                    \
    X(19, 0x597a55b1u, 0xe463064eu, 0x6e5121eeu, 0xcbdda835u, 0x291687fbu, 0x21a42c15u,            \
      0xd7fc2d39u, 0x2c89daa1u)                                                                    \
    X(20, 0xa10d48afu, 0xa61c33f1u, 0x8a6e20f0u, 0x976e410eu, 0x60835146u, 0xdcc5c6b3u,            \
      0x9e33151eu, 0x2bb8b6b1u)                                                                    \
    X(21, 0xb8eff62au, 0x5f99243eu, 0x44a27703u, 0x489b613au, 0x72f09098u, 0x4e5ff27cu,            \
      0x74ec711au, 0xca059f03u)                                                                    \
    X(22, 0x744f1160u, 0xbd2d0f0bu, 0xc45b16d5u, 0xfa5af844u, 0xaadbcb1du, 0xe91f1c93u,            \
      0x7cdb6d27u, 0x02b36e9eu)                                                                    \
    X(23, 0xd5861cbbu, 0x5f78afc2u, 0xeefce6e2u, 0x75c53003u, 0x8b1e7880u, 0x4c94d25bu,            \
      0xadcd89c1u, 0xe07b16beu)                                                                    \
    X(24, 0x3ed881bfu, 0xa80c39a9u, 0x842d184cu, 0x883e7f2fu, 0x02af6314u, 0xbc8859e7u,            \
      0x58fe9602u, 0xd972218fu)                                                                    \
    X(25, 0xa4c46280u, 0x3f246bb7u, 0xd3aad322u, 0x86fbcf61u, 0xb4187603u, 0xee0e6974u,            \
      0x363a5a94u, 0x22fd03e0u)
