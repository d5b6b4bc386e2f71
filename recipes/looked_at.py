"""Faces that a person has looked at: who wears something on the head.

No teacher at hand tells it. So all images of LFW's people for development and every fourth of pins
were searched in rounds (the likeliest, by those found before) and looked at by one person, and so
were 360 drawn at random. Headwear: a hat, cap, helmet, scarf, turban, or a band over the forehead.
Who is in doubt is listed too, and teaches nothing. Each list has a name, then the numbers of its
images.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from splits import training

EVERY_PINS = 4
UNKNOWN = float("nan")

HEADWEAR = """
Adam_Mair 1 Adam_Scott 1 2 Ai_Sugiyama 4 Ainsworth_Dyer 1 Akiko_Morigami 1 Alan_Trammell 1
Albert_Pujols 1 Alejandro_Toledo 3 Alex_Barros 1 Alex_Cejka 1 Alex_Gonzalez 1 Alex_Lawther 158_44
Alexandre_Vinokourov 1 Ali_Abdullah_Saleh 1 Allen_Iverson 1 2 Alvaro_Morte 39_246 92_286
Alvaro_Silva_Calderon 1 Amy_Redford 1 Andy_Benes 1 Andy_North 1 Andy_Roddick 1 2 3 4 5 6 9 10 12 14
15 Angela_Bassett 6 Anja_Paerson 1 Anna_Kournikova 3 4 5 6 7 8 9 11 Anthony_Mackie 175_477 65_546
Anthony_Scott_Miller 1 Arantxa_Sanchez-Vicario 1 2 Arnaud_Clement 1 2 Art_Howe 1 3 Ashton_Kutcher 3
Atal_Bihari_Vajpayee 10 11 Austin_Kearns 1 BJ_Habibie 1 Baburam_Bhattari 1 Barry_Zito 2
Bart_Hendricks 1 Ben_Curtis 1 2 Bob_Curtis 1 Bob_Hope 2 Bode_Miller 1 2 Brady_Rodgers 1
Brendan_Gaughan 1 Brenton_Thwaites 134_763 225_849 246_866 Brett_Perry 1 Brian_Cashman 1
Brian_Schneider 1 Bruno_Junquiera 1 Candace_Sutton 1 Candie_Kung 1 2 3 4 Carin_Koch 1 Carla_Moreno 1
Carlos_Ruiz 3 Carson_Palmer 4 Chan_Gailey 1 2 Chan_Ho_Park 1 Cheryl_James 1 Chip_Knight 1
Chris_Evans 243_1199 46_1224 Christian_Fittipaldi 2 Christina_Aguilera 4 Christine_Baumgartner 3
Chuck_Finley 1 Chuck_Yeager 2 Cindy_Klassen 1 Claudia_Pechstein 1 2 3 4 5 Cole_Chapman 1
Colin_Montgomerie 4 Compay_Segundo 1 Craig_Doblin 1 Curtis_Strange 1 DAngelo_Jimenez 1
Dale_Earnhardt_Jr 3 4 Damon_Dash 1 Dan_Wheldon 2 Daniela_Hantuchova 1 2 Dario_Franchitti 1
Darrell_Porter 1 2 Darren_Clarke 2 David_Beckham 28 David_Millar 1 David_Wells 1 3 4 5 7 Derek_Lowe
1 2 Derrick_Rodgers 1 Desiree_McKenzie 1 Desmon_Farmer 1 Didier_Defago 1 Dominic_Purcell 6_1020
Don_Matthews 1 Drew_Barrymore 1 Emily_Mortimer 1 Enos_Slaughter 1 Eric_Hinske 1 Ernie_Els 1 2 3 4
Eurico_Guterres 1 Fazal-ur-Rehman 1 Feliciano_Lopez 1 Fernando_Alonso 1 Fernando_Gonzalez 1 4 5 6 9
Flavia_Delaroli 2 Frank_Shea 1 Frank_Taylor 1 Franko_Simatovic 2 Freddy_Garcia 2
Freddy_Vasques_Kinchokpe 1 Gary_Barnett 1 Gary_Carter 3 Gaston_Gaudio 1 Gene_Autry 1 George_HW_Bush
1 Geovani_Lapentti 1 Gil_de_Ferran 2 5 Gilles_Panizzi 1 Grady_Little 1 Graeme_Lloyd 1 Graeme_Smith 1
Greg_Owen 1 Gregorio_Rosal 1 Guillermo_Coria 1 2 3 4 5 11 12 13 14 15 16 17 Hal_Sutton 2
Hamad_Bin_Jassim 1 Hamzah_Haz 1 Harbhajan_Singh 1 Harry_Schmidt 1 2 3 4 Hee-Won_Han 1 2 3
Henry_Cavil 33_1214 Hichiro_Naemura 2 Hideki_Matsui 1 Hubert_Green 1 Hugh_Jackman 57_1424
Hugo_Chavez 9 60 Hung_Wan-ting 1 Hunter_Kemper 1 Ignacio_Antonio_Velasco 1 James_Blake 1
James_Collinson 1 James_Harris 1 Jamie_Martin 1 Jason_Alexander 2 Jason_Kidd 10 Jason_Momoa 125_2424
Javier_Vazquez 1 Jean-Sebastien_Giguere 2 Jeff_Weaver 1 Jelena_Dokic 4 7 Jerry_Pauley 1 Jerry_Rice 1
Jesse_James_Leija 1 Jessica_Lynch 1 2 Jim_Anderson 1 Jim_Edmonds 1 Jim_Furyk 1 2 3 4 5 6
Jimmy_Gobble 1 Jimmy_Iovine 1 Jimmy_Szymanski 1 Joaquim_Rodriguez 1 Joe_Torre 1 3 4 Joe_Vandever 1
John_Paul_II 2 4 Johnny_Benson 1 Jonathan_Byrd 1 Jose_Santos 1 Juan_Ignacio_Chela 1 2 3
Juan_Pablo_Montoya 1 3 5 Jung_Bong 1 Justin_Timberlake 7 Karol_Kucera 1 Keanu_Reeves 3 Keith_Foulke
1 Kenneth_Carlsen 1 Kevin_Marshall 1 Kim_Cattrall 1 Kim_Clijsters 1 7 8 9 10 12 Kultida_Woods 1
Kurt_Busch 1 Kurt_Suzuki 1 Kurt_Tanabe 1 Larry_Hahn 1 Leandrinho_Barbosa 1 Lee_Hyung-taik 1
Lennox_Lewis 2 Lesia_Burlak 1 Lili_Reinhart 226_2799 Lina_Krasnoroutskaya 1 Lindsay_Davenport 22
Lleyton_Hewitt 2 3 6 7 8 9 11 12 16 19 21 24 27 28 29 32 33 34 36 39 41 Lou_Piniella 3 Luis_Gonzalez
1 Luiz_Inacio_Lula_da_Silva 24 Maggie_Smith 2 Magui_Serna 1 Mahathir_Mohamad 3
Mahmoud_Diyab_al-Ahmed 1 Manuel_Poggiali 2 Marat_Safin 1 Marc_Bulger 1 Marc_Leger 1
Marco_Antonio_Barrera 5 Marie_Avgeropoulos 110_2697 Mario_Gallegos 1 Mark_Bellhorn 1 Mark_Ruffalo
177_3237 198_3258 Mark_Wahlberg 1 Marlene_Weingartner 1 Martin_Hoellwarth 1 Martin_Lawrence 1
Martina_Hingis 2 3 Mary_Steenburgen 1 Masao_Azuma 1 Matt_Anderson 1 Matt_Damon 3 Matt_Morris 1
Matt_Roney 1 Maurice_Strong 1 Max_Biaggi 1 Maxim_Afinogenov 1 Meg_Mallon 1 Meghann_Shaughnessy 2
Michael_Boyce 1 Michael_Hagee 1 Michael_Schumacher 1 3 4 7 10 11 12 17 Miguel_Juarez_Perez 1
Mike_Bryan 1 Mike_Cunning 1 Mike_Matthews 1 Mike_Scioscia 1 Mike_Sweeney 1 Mike_Weir 1 2 3 4 5 7 9
10 11 Miley_Cyrus 122_3595 12_3592 214_3676 86_3744 Millie_Bobby_Brown 195_3839 8_3937
Minnie_Mendoza 1 Mohammad_Fares 1 Mohammed_Al-Douri 12 Momcilo_Perisic 1 Monica_Seles 1
Monique_Garbrecht-Enfeldt 2 Morgan_Freeman 2 Morris_Watts 1 Mother_Teresa 1 Muammar_Gaddafi 1
Muhammad_Saeed_al-Sahhaf 3 4 5 Nadia_Petrova 1 2 3 4 5 Natalie_Dormer 78_306 85_314 Nathan_Lane 1
Nathan_Smith 1 Nathirah_Hussein 1 Nebojsa_Pavkovic 2 Nestor_Gonzalez 1 Nicolas_Kiefer 1
Nicolas_Massu 1 Nursultan_Nazarbayev 1 Oprah_Winfrey 3 Oscar_De_La_Hoya 3 Pablo_Latras 1
Pascal_Rheaume 1 Patrick_Eaves 1 Patrick_McEnroe 2 Paul_Brandt 1 Paul_Byrd 2 Paul_Pierce 2
Paul_Wilson 1 Penn_Badgley 111_2226 Pete_Rose 2 Peter_Fonda 1 Phil_Mickelson 1 2 Philippe_Gagnon 1
Philippe_Noiret 2 Princess_Caroline 5 Pyar_Jung_Thapa 1 Queen_Beatrix 2 3 Queen_Elizabeth_II 1 2 3
10 11 12 Rainer_Schuettler 1 2 3 5 Raul_Ibanez 1 Reggie_Sanders 1 Retief_Goosen 1 Rey_Sanchez 1
Reyyan_Uzuner 1 Ricardo_Mayorga 1 Richard_Dreyfuss 1 Richard_Harmon 31_608 Richard_Virenque 3 5 7 8
Rick_Reed 1 Ricky_Ray 1 Roger_Federer 4 5 8 10 11 12 13 Ronald_White 1 Roseanne_Barr 1 Roy_Halladay
1 Roy_Jones_Jr 2 Roy_Rogers 1 Ruben_Sierra 1 Rubens_Barrichello 1 2 5 9 12 Rudolph_Giuliani 7
Russell_Simmons 4 Ryan_Drese 1 Ryan_Leaf 1 Saadi_Gadhafi 1 Sachin_Tendulkar 1 Saddam_Hussein 10 18
Sammy_Sosa 2 Sarah_Price 1 Scott_Hamilton 1 Scott_Hoch 1 Scott_Verplank 1 Sebastian_Porto 1
Sebastien_Grosjean 1 2 3 4 Serena_Williams 1 2 4 5 6 7 8 9 10 11 12 13 14 15 16 17 23 29 34 36 40 42
44 45 46 47 48 49 50 51 52 Sergei_Ivanov 3 Shane_Loux 1 Shane_Reynolds 1 Sheikh_Ahmed_Yassin 1
Shingo_Katayama 1 Sim_Yong 1 Sourav_Ganguly 1 2 Stephane_Rochon 1 Stephen_Amell 121_4108 146_4120
Stephen_Ebberharter 1 Steve_Allan 1 Steve_Avery 1 Steve_Park 1 2 Steven_Tyler 1 Surya_Bahadur_Thapa
1 Taha_Yassin_Ramadan 1 7 8 9 Tatiana_Paus 1 Ted_Williams 1 Thanongsak_Tuvinan 1 Thomas_Bjorn 2
Thomas_Rupprath 2 3 Tiger_Woods 1 2 3 7 10 11 12 14 15 16 17 18 19 23 Toby_Keith 1 Todd_Robbins 1
Tom_Watson 1 2 3 Tomas_Enge 1 Tony_Elias 1 Tony_LaRussa 1 Toutai_Kefu 1 Troy_Garity 1
Turner_Stevenson 1 Uday_Hussein 1 Valentino_Rossi 1 2 4 5 6 Venus_Williams 3 7 Vince_Carter 1
Vincent_Spadea 1 Wilson_Alvarez 1 Wu_Peng 1 Yana_Klochkova 1 Yasser_Arafat 1 2 3 4 5 6 7 8 Young_Kim
1 Yuvraj_Singh 1 Zach_Pillar 1 Zoe_Saldana 142_4908 alycia_dabnem_carey 223_122 45_165 amber_heard
108_221 barack_obama 247_700 jeff_bezos 228_2099 241_2107 40_2122 kiernen_shipka 54_2430
melissa_fumero 178_3334
"""
"""Something on the head."""
BARE = """
Abdoulaye_Wade 1 2 3 4 Abraham_Foxman 1 Adrian_McPherson 1 Ahmad_Masood 2 Al_Gore 8 Alejandro_Toledo
31 Alex_Holmes 1 Alex_Lawther 126_21 12_16 169_53 179_60 211_76 220_85 224_89 233_93 26_100 50_121
6_125 7_133 95_149 Alexander_Downer 1 Alexandra_Daddario 171_284 203_315 249_360 63_403
Allan_Houston 1 Alvaro_Morte 145_182 150_187 160_198 205_218 215_222 76_271 7_267 88_279 Amanda_Crew
85_106 Anders_Fogh_Rasmussen 3 Andre_Agassi 14 26 31 34 Andrew_Bunner 2 Andrew_Fastow 1
Angela_Merkel 4 Angelina_Jolie 4 Angie_Arzola 1 Anita_DeFrantz 1 Anna_Kournikova 1 Anne_Hathaway
135_327 167_354 Anthony_Fauci 1 Anthony_Hopkins 2 Anthony_Mackie 29_530 34_534 Aram_Adler 1
Ari_Fleischer 3 Ariel_Sharon 15 50 Arnold_Schwarzenegger 1 Arnold_Scott 1 Art_Howe 2 Art_Lopez 1
Atal_Bihari_Vajpayee 2 7 9 19 20 Bak_Chang-Ryun 1 Barry_Alvarez 2 Bernard_Kerik 1 Bernard_Law 2
Beth_Jones 1 Bill_Gates 114_506 5 12 15 Billy_Crystal 2 Blythe_Hartley 2 Bob_Dole 1 Bob_Melvin 1
Bob_Stoops 3 Boris_Becker 1 Brad_Garrett 2 3 Brandon_Spann 1 Brenton_Thwaites 147_775 174_798
184_806 27_869 30_872 54_893 74_913 88_925 Brian_Lara 1 Brooke_Gordon 1 Candice_Beatty 1
Carolina_Kluft 1 Carolyn_Kuhl 1 Carroll_Weimer 1 Catherine_Ndereba 1 Charles_Holzner 1
Charlotte_Chambers 1 Charlton_Heston 1 Chen_Liang_Yu 1 Cherie_Blair 3 Chris_Claiborne 1 Chris_Evans
160_1142 199_1171 26_1202 Chris_Hemsworth 35_493 56_510 Chris_Pratt 154_774 247_835 94_898
Chris_Simon 1 Chris_Swecker 1 Chris_Tucker 1 Christopher_Patten 2 Ciro_Gomes 4 Clare_Short 3
Clive_Lloyd 1 Colin_Powell 7 9 18 70 88 108 133 148 160 224 232 Connie_Freydell 1 Coretta_Scott_King
3 Costas_Simitis 5 Cristiano_Ronaldo 148_1298 187_1318 200_1321 226_1333 Cuba_Gooding_Jr 1
Dai_Chul_Chyung 1 Dan_Monson 1 Dan_Prinster 1 Danielle_Panabaker 177_1446 34_1506 Danny_Glover 1
Dave_Lewis 1 Dave_McNealey 1 David_Anderson 3 4 David_Beckham 27 David_Suazo 1 Derek_Bond 1
Diane_Ladd 1 Dominic_Purcell 166_933 172_937 201_961 230_989 246_997 93_1049 Dominik_Garcia-Lorido 1
Donald_Trump 1 Doug_Moe 1 Dusty_Baker 1 Ed_Rosenthal 1 3 Ed_Smart 2 3 Eddie_Murray 1 El_Hadji_Diouf
1 Elena_de_Chavez 1 Elijah_Wood 2 Eliza_Taylor 159_742 182_757 27_817 Emanuel_Ginobili 1 Emelie_Loit
1 Emilia_Clarke 249_1000 Emma_Stone 149_1722 217_1752 5_1793 Enrique_Bolanos 1 Eric_Clapton 2
Eric_Rosser 1 Eric_Staal 1 Ernest_Hollings 1 Ernie_Stewart 1 Eunice_Barber 1 2 Evo_Morales 1
Fabrice_Santoro 1 Faye_Alibocus 1 Federico_Fellini 1 Fernando_Valenzuela 1 Florencia_Macri 1
Francois_Pienaar 1 Franz_Muentefering 1 Fred_Swan 1 Fred_Thompson 2 Gary_Locke 1 George_Galloway 4
George_HW_Bush 4 7 George_Roy_Hill 1 George_W_Bush 5 84 86 143 174 188 197 205 268 292 300 312 316
423 427 459 466 500 Gina_Lollobrigida 1 Gloria_Macapagal_Arroyo 26 Gloria_Trevi 4
Gonzalo_Sanchez_de_Lozada 3 10 Hama_Arba_Diallo 1 Hamid_Efendi 1 Hana_Sadiq 1 Hans_Blix 12 33
Heinz_Feldmann 1 Heizo_Takenaka 5 Henry_Cavil 108_1083 164_1139 19_1158 222_1186 Himmler_Rebu 1
Horace_Donovan_Reid 1 Howard_Dean 9 Huan_Chung_Yi 1 Hugh_Jackman 119_1289 31_1404 Hugo_Chavez 40 54
63 Hun_Sen 1 Igor_Ivanov 5 7 Inam-ul-Haq 1 Irina_Lobacheva 1 Irina_Shayk 30_2346 Isabela_Moraes 1
Jack_Straw 23 Jackie_Chan 1 9 James_Cunningham 2 Jason_Kidd 2 3 Jason_Lezak 1 Jason_Momoa 43_2536
55_2545 64_2552 72_2566 96_2585 Jay_Garner 6 Jean-David_Levitte 2 Jean-Sebastien_Giguere 1
Jean_Chretien 2 14 16 18 21 22 Jeanette_Stauffer 1 Jeb_Bush 1 Jeffrey_Donaldson 1 Jelena_Dokic 3
Jennifer_Aniston 17 Jennifer_Garner 11 Jennifer_McCoy 1 Jerelle_Kraus 1 Jeremy_Renner 145_2615
190_2643 211_2656 78_2738 Jerry_Angelo 1 Jessica_Barden 115_1385 125_1397 132_1401 144_1417 14_1409
175_1434 43_1485 58_1488 88_1505 Jim_Otto 1 Jimmy_Fallon 106_2762 23_2833 Jimmy_Jimenez 1
Jimmy_Smits 1 Joe_Finley 1 Joe_Lieberman 6 Joey_Mantia 1 John_Abizaid 2 John_Ashcroft 6 19 33
John_Howard 17 John_Kerry 4 John_Madden 1 John_Manley 6 John_Paul_II 11 John_Richardson 1 John_Snow
16 Jonathan_Fine 1 Jonathan_Horton 1 Jorge_Batlle 2 3 Joschka_Fischer 11 Joseph_Estrada 1 4
Josh_Childress 1 Juan_Pablo_Montoya 8 Juanes 1 Juergen_Schrempp 1 Julia_Glass 1 Julianne_Moore 4
Junichiro_Koizumi 19 Justin_Timberlake 4 Katharine_Mcphee 78_1676 Katherine_Harris 2
Katherine_Langford 194_2965 5_3043 76_3073 Kaye_Young 1 Keanu_Reeves 127_1971 155_2002 159_2006
Keith_Brown 1 Kelly_Osbourne 1 Kelsey_Grammer 1 Kieran_Culkin 1 Kim_Clijsters 13 Kim_Su_Nam 1
Kirk_Douglas 1 Klaus_Schwab 1 Kobe_Bryant 3 Krysten_Ritter 105_1698 59_1835 Lachlan_Murdoch 1
Lane_Bryant 1 Larry_Brown 2 Larry_Lindsey 2 Laura_Bush 1 18 19 31 40 Laurent_Gbagbo 2 Leah_Remini 1
Lee_Tae-sik 2 Leonard_Hamilton 2 Li_Peng 4 Lili_Reinhart 89_2855 Lin_Yung_Hsi 1 Lindsay_Davenport 9
Luis_Rosario_Huertas 1 Luiz_Felipe_Scolari 2 Luiz_Inacio_Lula_da_Silva 2 11 22 33 Maisie_Williams
194_2578 Malcolm_Glazer 1 Marco_Antonio_Barrera 1 6 Marco_Pantani 1 Margaret_Hoelzer 1 Mariah_Carey
3 Marie_Avgeropoulos 13_2717 242_2791 Mario_Lobo_Zagallo 1 Mark_Gottfried 3 Mark_Ruffalo 0_3184
Mark_Zuckerberg 141_2007 Marlon_Devonish 1 Martha_Martinez_Flores 1 Martin_Gecht 1 Martin_Howard 1
Martin_McGuinness 3 Marty_Mornhinweg 3 Megan_Fox 112_3378 17_3433 Mekhi_Phifer 1 Meryl_Streep 4
Michael_Bloomberg 6 Michael_Diekmann 1 Michael_Jordan 3 Michael_Moore 3 Michael_Schumacher 9
Michelle_Kwan 6 Mick_Jagger 2 Miguel_Angel_Rodriguez 1 Mike_Tice 1 Mike_Tyson 2 3 Mike_Weir 6
Mikhail_Shvydkoi 1 Mikhail_Wehbe 1 Miley_Cyrus 147_3627 150_3631 Millie_Bobby_Brown 149_3806
189_3835 Milo_Maestrecampo 3 Mohammad_Hasanein 1 Mohammaed_Ahmad_Al_Jarallah 1 Moon-So-ri 1
Morena_Baccarin 211_2929 Mukesh_Ambani 1 Nadia_Hilker 134_26 32_89 Nancy_Powell 1 Naomi_Watts 22
Natalie_Dormer 217_232 236_246 Neil_Patrick_Harris 11_3610 28_3691 Nelson_Mandela 1 Nicole_Kidman 10
Norah_Jones 5 Omar_el-Heib 1 Ontario_Lett 1 Patrick_Ewing 1 Patrick_Roy 1 Paul_Bremer 15
Paul_Desmarais 1 Pedro_Almodovar 4 Penn_Badgley 154_2262 183_2281 Peter_Chan 1 Phil_Vassar 1
Pierre_Pettigrew 3 Prince_Charles 3 Prince_Edward 2 Prince_William 1 Princess_Elisabeth 1
Princess_Maxima 1 Queen_Beatrix 4 Rami_Malek 95_3877 Randy_Brown 1 Randy_Jackson 1 Ray_Allen 2
Ray_Morrough 1 Recep_Tayyip_Erdogan 9 12 Ricardo_Lagos 6 14 24 Richard_Crenna 1 Richard_Harmon
117_519 16_547 181_564 24_598 52_624 Richard_Krajicek 3 Richard_Myers 11 Richard_Naughton 1
Richard_Virenque 1 Rick_Santorum 3 Robert_Duvall 6 Robert_Zoellick 7 Roberto_Benigni 1
Robin_McLaurin_Williams 2 Roger_Federer 3 Roh_Moo-hyun 19 Rolf_Eckrodt 1 Ronald_Kessler 1
Roseanne_Barr 2 Ruben_Studdard 1 Rudi_Voeller 1 Ryan_Nyquist 1 Saburo_Kawabuchi 1 Saddam_Hussein 23
Saeb_Erekat 1 Sahim_Alwan 1 Samira_Makhmalbaf 1 Sandra_Bullock 1 Sarah_Wayne_Callies 195_2451
40_2498 Scott_Wolf 1 Selena_Gomez 124_4339 155_4363 159_4367 211_4407 Serena_Williams 3 18 20 21 22
25 27 35 37 Serge_Tchuruk 1 Sergei_Ivanov 1 Sergio_Vieira_De_Mello 9 Shakira_Isabel_Mebarak 130_22
Shane_Phillips 1 Shawn_Kemp 1 Sheila_Copps 2 Sigourney_Weaver 1 Silvio_Fernandez 1 Sophie_Turner
104_821 163_877 179_889 35_962 Spike_Lee 1 Stella_Tennant 1 Stephen_Amell 119_4105 132_4113
Takashi_Sorimachi 1 Tammy_Helm 1 Tatiana_Gratcheva 1 Tatiana_Shchegoleva 1 Ted_Washington 1
Terrell_Suggs 1 Tiago_Splitter 1 Tiger_Woods 8 Tim_Conway 3 Tim_Henman 5 Tom_Hanks 6 Tom_Ridge 26
Tommy_Lewis 1 Tony_Blair 25 45 64 67 127 Tony_Fernandes 1 Tubby_Smith 3 Tung_Chee-hwa 1 5
Turner_Gill 1 Tyra_Banks 1 Ursula_Corbero 146_35 196_75 23_99 67_142 Valentina_Cervi 1
Valorie_Brabazon 1 Van_Hilley 1 Vanessa_Incontrada 2 Venus_Williams 12 15 Vladimir_Putin 6 25 47
Walter_Mondale 2 10 Wen_Jiabao 3 Whoopi_Goldberg 1 Wilfredo_Moreno 1 William_Cocksedge 1
Wilma_McNabb 1 Win_Aung 3 Yale_Kamisar 1 Yang_Hee_Kim 1 Yao_Ming 1 Yasar_Yakis 2 Yoelbi_Quesada 1
Yu_Shyi-kun 1 Yusuf_Misbac 1 Zac_Efron 177_1666 89_1777 Zakia_Hakki 1 Zavad_Zarif 1 Zendaya 126_1804
1_1788 224_1860 79_1915 Zoe_Saldana 158_4920 243_4992 Zumrati_Juma 1 alycia_dabnem_carey 126_26
30_153 amber_heard 130_245 84_412 95_424 barack_obama 136_644 148_656 155_660 196_677 51_721
barbara_palvin 76_928 camila_mendes 170_998 209_1025 gal_gadot 128_1683 25_1795 kiernen_shipka
160_2329 190_2353 8_2453 margot_robbie 120_3082 139_3102 75_3255 melissa_fumero 144_3308 148_3312
tom_ellis 214_4344 216_4348
"""
"""Nothing on the head."""
UNSURE = """
Alexandra_Spann 1 Anthony_Mackie 12_452 Antwun_Echols 1 Atal_Bihari_Vajpayee 21 Bernard_Law 3
Christian_Malcolm 1 Chuck_Yeager 1 Darren_Campel 1 Devin_Harris 1 Eliza_Taylor 194_766
Fabrice_Santoro 2 Fujio_Mitarai 1 Gen_Meredith 1 Harbhajan_Singh 2 Hugo_Chavez 22 Jamie_Cooke 1
Jean-Francois_Pontal 3 Jennifer_Lopez 1 19 Jeremy_Renner 112_2599 Jessica_Barden 102_1377
Kate_Capshaw 1 Khatol_Mohammad_Zai 1 Kim_Clijsters 14 Kirby_Puckett 1 Kobe_Bryant 1 Kristen_Rivera 1
Lleyton_Hewitt 1 40 Lucio_Angulo 1 MC_Hammer 1 Marco_Antonio_Barrera 4 Mark_Philippoussis 8
Matthew_Vaughan 1 Mauricio_Pochetino 1 Meryl_Streep 15 Nate_Huffman 1 Poala_Suarez 1 Quincy_Jones 1
Rudolph_Giuliani 12 Russell_Simmons 1 2 3 5 Serena_Williams 32 41 43 Taha_Yassin_Ramadan 5 13
Tim_Lobinger 1 Tzipora_Obziler 1 Venus_Williams 17 William_Ford_Jr 6 Zhu_Rongji 3 gal_gadot 108_1668
180_1736 208_1756 233_1780 98_1855
"""
"""A tiara, a thin band, hair or shadow that may be a hat."""


def names(text: str) -> Iterator[tuple[str, str]]:
    """Person and image, without the suffix, of every face of a list."""
    person = ""
    for word in text.split():
        if not word[0].isdigit():
            person = word
        elif "_" in word:  # of pins
            yield person, person + word
        else:
            yield person, f"{person}_{int(word):04}"


def headwear(data: Path) -> dict[Path, float]:
    """Crop -> 1 with something on the head, 0 without, NaN where that is in doubt.

    0 is also what remained of the images that were searched.
    """
    said = ((1.0, HEADWEAR), (UNKNOWN, UNSURE))
    head = {name: value for value, text in said for _, name in names(text)}
    searched = [p for folder in training(data, "lfw") for p in sorted(folder.glob("*.jpg"))]
    for folder in training(data, "pins"):
        searched += sorted(folder.glob("*.jpg"))[::EVERY_PINS]
    return {path: head.get(path.stem, 0.0) for path in searched}


def looked_at(data: Path) -> set[Path]:
    """The crops of the lists that are not in doubt."""
    listed = {name for text in (HEADWEAR, BARE) for _, name in names(text)}
    return {path for path in headwear(data) if path.stem in listed}
